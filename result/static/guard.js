// Draws the shares that the page came with, before the other scripts have come. If they never do,
// since the network changed or the service was restarted, the page would stand still for good: it
// says so, and is loaded again, as often as a page without JavaScript. In words that browsers know
// which are too old for the other scripts.

const PAUSE = 5_000; // ms

/** Whether the scripts are not there: the strip takes the words about that away. */
const stuck = () => document.getElementById("stuck");

/** Does what the style does itself where it can read attributes: only Chromium, so far. */
function place() {
  for (const each of document.querySelectorAll("[data-at], [data-part]")) {
    each.style.setProperty("--at", each.dataset.at || each.dataset.part);
  }
  for (const each of document.querySelectorAll("[data-letters]")) {
    each.style.setProperty("--letters", each.dataset.letters);
  }
}

/** Once all that comes with the page has come, or has failed. */
function begin() {
  if (!stuck()) return;
  stuck().dataset.known = "";
  document.getElementById("alarm").textContent = stuck().textContent; // for screen readers
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

// Not DOMContentLoaded: that waits for the other scripts.
if (document.readyState !== "loading") place();
else document.addEventListener("readystatechange", place, { once: true });

if (document.readyState === "complete") begin();
else addEventListener("load", begin);
