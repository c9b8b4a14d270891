// Presenter mode: the numbers and the way to vote, nothing else. `?present` or the key P.
// The key W leads from the result to the system and back, in the same mode.

const PARAMETER = "present";

export function startPresenter(button) {
  const root = document.documentElement;
  let presenting = new URLSearchParams(location.search).has(PARAMETER);
  let hidden = null; // what had the focus, and is hidden in this mode

  const show = () => {
    if (presenting && button.parentElement.contains(document.activeElement)) {
      hidden = document.activeElement;
      document.querySelector("main").focus({ preventScroll: true });
    }
    root.toggleAttribute("data-present", presenting);
    if (!presenting) hidden?.focus({ preventScroll: true });
    const url = new URL(location.href);
    if (presenting) url.searchParams.set(PARAMETER, "");
    else url.searchParams.delete(PARAMETER);
    history.replaceState(null, "", url.href.replace(/present=(?=&|#|$)/, PARAMETER));
  };

  const set = async (value) => {
    presenting = value;
    show();
    // Browsers do not give full screen to every page. The mode works without it.
    if (presenting) await root.requestFullscreen?.({ navigationUI: "hide" }).catch(() => {});
    else if (document.fullscreenElement) await document.exitFullscreen();
  };

  button.hidden = false;
  button.addEventListener("click", () => set(true));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, select, dialog")) return;
    if (event.key.toLowerCase() === "w") {
      location.assign(document.getElementById("other").pathname + location.search);
    } else if (event.key.toLowerCase() === "p") {
      // After a reload, the page presents without full screen: P asks for it again.
      const isFull = document.fullscreenElement || !document.fullscreenEnabled;
      set(!presenting || !isFull);
    } else if (event.key === "Escape" && presenting) set(false);
  });
  document.addEventListener("fullscreenchange", () => {
    // In full screen, the browser takes Escape for itself.
    if (!document.fullscreenElement && presenting) set(false);
  });
  show();
}
