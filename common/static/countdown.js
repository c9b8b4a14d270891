// The time until the poll closes, by the clock of the server.

import { moment, span, text } from "./text.js";

const LAST_MINUTE = 60_000; // ms

/** The clock of the server minus ours, in ms: `now` is the server's time when it drew the page. */
export function skewOf(now) {
  const [navigation] = performance.getEntriesByType("navigation");
  const waited = performance.now() - (navigation?.responseStart || performance.now());
  return now - (Date.now() - waited);
}

/**
 * Writes the remaining time into `element`, and calls `onClose` once when the poll closes.
 * `closesAt` is in ms by the clock of the server; `skew()` is that clock minus ours, in ms.
 * Returns a function that ends the countdown early.
 */
export function countDown(element, closesAt, skew, onClose) {
  let timer;
  const end = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", tick);
    delete element.dataset.urgent;
    element.textContent = "";
  };
  const tick = () => {
    clearTimeout(timer);
    const left = closesAt - (Date.now() + skew());
    if (left <= 0) {
      end();
      element.textContent = text("closed at", { time: moment(closesAt - skew()) });
      onClose();
      return;
    }
    element.textContent = text("closes in", { time: span(left) });
    element.toggleAttribute("data-urgent", left <= LAST_MINUTE);
    timer = setTimeout(tick, (left % 1000) + 5);
  };
  document.addEventListener("visibilitychange", tick); // a device that slept has missed ticks
  tick();
  return end;
}
