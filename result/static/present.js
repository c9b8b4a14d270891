// Presenter mode: the numbers and the way to vote, and nothing else. `?present` or the key P.

const PARAMETER = "present";

export function startPresenter(button) {
  const root = document.documentElement;
  const main = document.querySelector("main");
  const tools = button.parentElement;
  let presenting = new URLSearchParams(location.search).has(PARAMETER);
  let left = null; // what had the focus, and hides itself meanwhile

  const show = () => {
    if (presenting && tools.contains(document.activeElement)) {
      left = document.activeElement;
      main.focus({ preventScroll: true });
    }
    root.toggleAttribute("data-present", presenting);
    if (!presenting) {
      left?.focus({ preventScroll: true });
      left = null;
    }
    const url = new URL(location.href);
    if (presenting) url.searchParams.set(PARAMETER, "");
    else url.searchParams.delete(PARAMETER);
    history.replaceState(null, "", url.href.replace(/present=(?=&|#|$)/, PARAMETER));
  };

  const toggle = async () => {
    presenting = !presenting;
    show();
    try {
      if (presenting) await root.requestFullscreen?.({ navigationUI: "hide" });
      else if (document.fullscreenElement) await document.exitFullscreen();
    } catch {
      // Full screen is not given to every page; the mode works without it.
    }
  };

  /** A page that was loaded anew presents without full screen: a key may ask for that again. */
  const enlarge = async () => {
    if (!presenting || document.fullscreenElement || !document.fullscreenEnabled) return toggle();
    await root.requestFullscreen({ navigationUI: "hide" }).catch(toggle);
  };

  button.hidden = false;
  button.addEventListener("click", toggle);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "p" || event.key === "P") enlarge();
    else if (event.key === "Escape" && presenting) toggle();
  });
  document.addEventListener("fullscreenchange", () => {
    // The browser takes Escape for itself while in full screen.
    if (!document.fullscreenElement && presenting) {
      presenting = false;
      show();
    }
  });
  show();
}
