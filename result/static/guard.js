// A page whose other scripts did not come, since the network changed or the service was restarted,
// would stand still for good. It says so, and is loaded again, as often as a page without
// JavaScript. In words that browsers know which are too old for the other scripts.

const PAUSE = 5_000; // ms

/** Whether the scripts are not there: the strip takes the words about that away. */
const stuck = () => document.getElementById("stuck");

/** Once all that comes with the page has come, or has failed. */
function begin() {
  if (!stuck()) return;
  stuck().dataset.known = "";
  document.getElementById("alarm").textContent = stuck().textContent; // for screen readers
  // Where the style cannot read it.
  for (const each of document.querySelectorAll("[data-at], [data-part]")) {
    each.style.setProperty("--at", each.dataset.at || each.dataset.part);
  }
  setTimeout(check, PAUSE);
}

async function check() {
  if (!stuck()) return;
  const patience = new AbortController();
  setTimeout(() => patience.abort(), PAUSE);
  const answer = await fetch(location.href, { signal: patience.signal }).catch(() => null);
  if (answer && answer.ok) location.reload();
  else setTimeout(check, PAUSE); // the numbers that are here are better than a page of errors
}

if (document.readyState === "complete") begin();
else addEventListener("load", begin);
