// A page whose other scripts did not come, since the network changed or the service was restarted,
// would stand still for good. It is loaded again, as often as a page without JavaScript. In words
// that browsers know which are too old for the other scripts.

const PAUSE = 5_000; // ms

async function check() {
  if (!document.getElementById("stuck")) return; // the strip has taken it away
  const answer = await fetch(location.href).catch(() => null);
  if (answer && answer.ok) location.reload();
  else setTimeout(check, PAUSE); // the numbers that are here are better than a page of errors
}

const wait = () => setTimeout(check, PAUSE);
if (document.readyState === "complete") wait();
else addEventListener("load", wait);
