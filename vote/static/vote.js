// Casts votes without leaving the page. Without this script the form does the same.

import { loadAnew, takeUntold } from "./reload.js";
import { keepsCookies } from "./cookies.js";
import { countDown, skewOf } from "./countdown.js";
import { text } from "./text.js";

const PATIENCE = 8_000; // ms until an answer counts as missing
const AWAY_AGAIN = 2_000; // ms until a page on which no vote can be taken asks whether one can
const CLOSED_AGAIN = 20_000; // ms until the page of a closed poll does: it may be open for longer
const CLOSE_BY = 5_000; // ms by which a countdown may be late
const LONG = 40; // letters of a name in a sentence
// What is said in place of these where no cookies are kept.
const NO_COOKIES = { open: "open once", taken: "taken once", "no answer": "no answer once" };

const main = document.querySelector("main");
const form = document.getElementById("ballot");
const notice = document.getElementById("notice");
const again = document.getElementById("again");
const answer = again.parentElement;
const result = document.getElementById("result"); // a link, where it is known what it leads to
const buttons = new Map([...form.querySelectorAll(".option")].map((each) => [each.value, each]));

let taken = [...buttons.keys()].find((id) => buttons.get(id).dataset.mark === "taken") ?? null;
let wanted = null; // what the voter chose last and the server has not acknowledged
let doubted = null; // what the server may have, or not: its acknowledgement is missing
let sending = false; // one request at a time: the last choice wins
let closed = main.dataset.state === "closed";
let endCounting = null; // ends the countdown before its time
let skew = skewOf(Number(main.dataset.now)); // ms, the clock of the server minus ours

/** The name of an option, cut where it would fill the sentence, without what turned text round. */
function nameOf(id) {
  const name = buttons.get(id).querySelector(".name").textContent;
  const letters = [...name];
  if (letters.length <= LONG) return name;
  return `${letters.slice(0, LONG - 1).join("").replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}…`;
}

/** The text `key`, with names that are isolated: they may be written the other way. */
function sentence(key, names) {
  const parts = text(key, { name: "{name}", kept: "{kept}" }).split(/\{(name|kept)\}/);
  return parts.map((part, index) => {
    if (index % 2 === 0) return part;
    const name = document.createElement("bdi");
    name.textContent = names[part];
    return name;
  });
}

/** Scrolls the answer into sight where the style does not keep it there. */
function reveal() {
  const { bottom } = answer.getBoundingClientRect();
  if (bottom > window.innerHeight + 1) answer.scrollIntoView({ block: "nearest" });
}

/** Moves the focus from what cannot keep it: options of a closed poll, a button that hides. */
function moveFocus(id) {
  const focused = document.activeElement;
  if (closed && (focused === again || form.contains(focused))) {
    notice.focus({ preventScroll: true });
    reveal();
  } else if (focused === again) buttons.get(id).focus();
}

/** Shows one state: `mark` is taken, busy or failed and stands on the button of `id`. */
function show(state, tone, id, mark) {
  main.dataset.state = state;
  answer.dataset.tone = tone;
  const name = (option) => (option === null ? "" : nameOf(option));
  const key = (!keepsCookies && NO_COOKIES[state]) || state;
  notice.replaceChildren(...sentence(key, { name: name(id), kept: name(taken) }));
  const retry = mark === "failed" && !closed;
  if (!retry) moveFocus(id); // before it would be lost
  again.hidden = !retry;
  if (result) result.hidden = !closed;
  again.value = id ?? "";
  for (const [each, button] of buttons) {
    const shown = each === id ? mark : each === taken ? "taken" : undefined;
    button.setAttribute("aria-pressed", String(each === (mark === "busy" ? id : taken)));
    button.disabled = closed;
    if (shown) button.dataset.mark = shown;
    else delete button.dataset.mark;
    const words = { taken: "your vote", busy: "busy", failed: state === "no answer" ? "not sure" : "not sent" };
    button.querySelector(".mark").textContent = shown ? text(words[shown]) : "";
  }
  if (tone === "bad") reveal();
}

/** The poll is closed while the page counts: the end is another one by now, and not known. */
function stopCounting() {
  const left = Number(main.dataset.closesAt) - (Date.now() + skew);
  if (left > CLOSE_BY) endCounting?.();
}

function close() {
  closed = true;
  if (sending) return; // the answer to what is on its way says how it ended
  const late = wanted !== null && wanted !== taken;
  if (doubted !== null) show("closed unsure", "bad", doubted);
  else if (late) show(taken === null ? "closed without" : "closed instead", "bad", wanted, "failed");
  else if (taken !== null) show("closed with", "quiet", taken, "taken");
  else show("closed", "quiet", null);
}

async function post(id) {
  const wasOffline = !navigator.onLine;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  try {
    const response = await fetch("api/votes", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ vote: id, poll: main.dataset.poll }),
      signal: patience.signal,
    });
    if (response.status === 202) return "taken";
    if (response.status === 403) {
      const { reason } = await response.json().catch(() => ({}));
      return reason === "closed" ? "closed" : "refused"; // perhaps by a proxy
    }
    if (response.status === 409) return "changed";
    if (response.status === 422) return "unknown";
    if (response.status < 500) return "refused";
    const { reason } = await response.json().catch(() => ({}));
    return reason === "not_taken" ? "not taken" : "no answer";
  } catch {
    // Only a device that was offline before is sure that nothing arrived.
    return wasOffline ? "offline" : "no answer";
  } finally {
    clearTimeout(timer);
  }
}

async function cast(id) {
  if (closed || !buttons.has(id)) return;
  wanted = id;
  if (sending) {
    show("sending", "quiet", id, "busy");
    return;
  }
  sending = true;
  let end;
  let sent;
  do {
    sent = wanted;
    show("sending", "quiet", sent, "busy");
    end = await post(sent);
    if (end === "taken") {
      taken = sent;
      doubted = null;
    } else if (end === "no answer") {
      taken = null; // it may be this one by now
      doubted = sent;
    }
  } while (wanted !== sent && end !== "closed");
  sending = false;
  if (end === "closed") {
    closed = true;
    stopCounting();
  }
  if (closed) close();
  else if (end === "changed") renew(sent);
  else if (end === "taken" || (end === "offline" && sent === taken)) {
    show("taken", "good", sent, "taken"); // an option that was taken before stays so offline
  } else show(end, "bad", sent, "failed");
}

// Not submit: which button that is from, Safari says since 15.4 only.
for (const button of [...buttons.values(), again]) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    cast(button.value);
  });
}

/** The page as the server draws it now; null where it cannot be loaded. */
async function served() {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: patience.signal });
    if (!response.ok) return null;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return page.querySelector("main")?.dataset.state ? page : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** The page was drawn for another poll than that of now. The choice `id` was not taken. */
async function renew(id) {
  const page = await served();
  if (sending || wanted !== id) return; // there is another choice
  if (page) loadAnew({ state: "changed" });
  else if (!closed) show("outdated", "bad", id, "failed");
}

/**
 * Loads the page again where the server's is another by now: its voter may have voted elsewhere,
 * or votes can be taken again. Where it cannot be loaded, what is there is better than an error.
 */
async function catchUp() {
  if (sending || (doubted !== null && !closed)) return; // what the voter is told now is newer
  const before = wanted;
  const page = await served();
  if (!page) return;
  const { state, now, poll, closesAt } = page.querySelector("main").dataset;
  skew = Number(now) - Date.now();
  if (sending || wanted !== before) return;
  const marked = page.querySelector('.option[data-mark="taken"]')?.value ?? null;
  const isOtherPoll = poll !== main.dataset.poll;
  const isClosed = state === "closed";
  const isLate = doubted !== null || (wanted !== null && wanted !== taken);
  if (closed && isClosed && isLate && !isOtherPoll) return; // it would not be told again
  const isOther = isOtherPoll || isClosed !== closed || closesAt !== main.dataset.closesAt;
  const isBack = main.dataset.state === "away" && state !== "away";
  const isMarked = marked === taken || !keepsCookies; // else the server cannot know
  if (!isOther && !isBack && isMarked) {
    // The poll is that of this page again.
    if (main.dataset.state === "outdated") show("not taken", "bad", wanted, "failed");
    return;
  }
  if (isOtherPoll) loadAnew(main.dataset.state === "outdated" ? { state: "changed" } : null);
  else loadAnew(doubted === null ? null : { state: "no answer", id: doubted });
}

// Back from one of the browser's caches, or from another tab or the lock screen. What the cache of
// HTTP has kept says what time it was then.
const [navigation] = performance.getEntriesByType("navigation");
const isFromHistory = navigation?.type === "back_forward";
addEventListener("pageshow", (event) => (event.persisted || isFromHistory) && catchUp());
document.addEventListener("visibilitychange", () => document.hidden || catchUp());

/** Looks every `period` ms whether votes can be taken again, or the new page be loaded. */
function ask(period, isDue) {
  setInterval(() => document.hidden || (isDue() && catchUp()), period);
}
ask(AWAY_AGAIN, () => ["away", "outdated"].includes(main.dataset.state));
ask(CLOSED_AGAIN, () => closed);

// What was said of the device is no longer so. The choice is kept, to be sent again.
addEventListener("online", () => {
  if (main.dataset.state === "offline" && !closed) show("not taken", "bad", wanted, "failed");
});

if (!keepsCookies && main.dataset.state === "open") show("open", "quiet", null);

const untold = takeUntold();
if (untold?.state === "changed" && !closed) show("changed", "bad", null);
else if (buttons.has(untold?.id) && !closed) {
  taken = null;
  doubted = wanted = untold.id;
  show("no answer", "bad", doubted, "failed");
}

if (main.dataset.closesAt) {
  const closing = document.getElementById("closing");
  endCounting = countDown(closing, Number(main.dataset.closesAt), () => skew, () => {
    if (!closed) close();
  });
}
