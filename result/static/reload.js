// Loads the page again when the poll has changed.

const SPREAD = 4_000; // ms within which all viewers reload, not in the same moment

let isWaiting = false;

/** Reloads soon, if the page can be loaded: an old page is better than an error. */
export async function reloadSoon() {
  if (isWaiting) return;
  isWaiting = true;
  await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * SPREAD));
  const response = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  isWaiting = false;
  if (response?.ok) location.reload();
}
