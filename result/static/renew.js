// Loads the page again when it is out of date.

const SPREAD = 2_000; // ms in which all who look at it do: not in the same moment
const PAUSE = 10_000; // ms between two loads: while replicas differ, one would follow the other
const KEY = "renewed"; // in the session's storage: when it was loaded last

let isRenewing = false;

/** Soon, once it can be loaded: what is there is better than an error. */
export async function renew() {
  if (isRenewing) return;
  isRenewing = true;
  const wait = Math.max(Math.random() * SPREAD, renewed() + PAUSE - Date.now());
  await new Promise((resolve) => setTimeout(resolve, Math.min(wait, PAUSE)));
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  isRenewing = false; // whoever asked will ask again
  if (!answer?.ok) return;
  try {
    sessionStorage.setItem(KEY, String(Date.now()));
  } catch {
    // Where nothing is stored, each page begins anew.
  }
  location.reload();
}

function renewed() {
  try {
    return Number(sessionStorage.getItem(KEY));
  } catch {
    return 0;
  }
}
