// Reloads a page whose other scripts have not loaded, as soon as the service answers. Such a page
// would stand still. The style sheet then shows #stuck, which the strip removes otherwise.

const PAUSE = 5_000; // ms

async function check() {
  if (!document.getElementById("stuck")) return;
  const response = await fetch(location.href).catch(() => null);
  if (response?.ok) location.reload();
  else setTimeout(check, PAUSE);
}

addEventListener("load", () => setTimeout(check, PAUSE));
