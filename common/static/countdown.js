// The time until the poll closes, by the clock of the server.

import { moment, span, text } from "./text.js";

const LAST_MINUTE = 60_000; // ms

/** The clock of the server minus ours, in ms: the page that says `now` left it when it began to come. */
export function skewOf(now) {
  const [navigation] = performance.getEntriesByType("navigation");
  const waited = performance.now() - (navigation?.responseStart || performance.now());
  return now - (Date.now() - waited);
}

/**
 * Writes the time that is left into `element`, calls `onClose` once when none is left.
 * `closesAt` is in ms by the clock of the server; `skew()` is that clock minus ours, in ms.
 * Returns what ends it before its time.
 */
export function countDown(element, closesAt, skew, onClose) {
  let timer;
  const tick = () => {
    clearTimeout(timer);
    const left = closesAt - (Date.now() + skew());
    if (left <= 0) {
      element.textContent = text("closed at", { time: moment(closesAt - skew()) });
      delete element.dataset.urgent;
      document.removeEventListener("visibilitychange", tick);
      onClose();
      return;
    }
    element.textContent = text("closes in", { time: span(left) });
    if (left <= LAST_MINUTE) element.dataset.urgent = "";
    timer = setTimeout(tick, (left % 1000) + 5);
  };
  // A device that slept has missed ticks.
  document.addEventListener("visibilitychange", tick);
  tick();
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", tick);
    element.textContent = "";
  };
}
