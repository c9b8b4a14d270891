// Casts votes without leaving the page. Without this script, the form does the same.

import { keepsCookies } from "./cookies.js";
import { countDown, skewOf } from "./countdown.js";
import { load, takeMessage } from "./reload.js";
import { text } from "./text.js";

const TIMEOUT = 13_000; // ms until an answer counts as missing; longer than any injected latency
const PATIENCE = 30_000; // ms for which a vote is sent again by itself
const FIRST_PAUSE = 1_000; // ms until the second attempt; each later pause is twice as long
const TEMPORARY = [502, 503, 504]; // the statuses of a failover, or of a proxy without an answer
const RETRY_UNAVAILABLE = 2_000; // ms between two looks whether votes can be recorded again
const RETRY_CLOSED = 20_000; // ms between two looks whether a closed poll is open again
const LATE = 5_000; // ms by which a countdown may be late
// The outcomes of an attempt after which the page sends the vote again, and the text meanwhile.
const RESENDING = {
  not_taken: "paused",
  unanswered: "resending",
  offline: "resending offline",
};
// The texts where no cookies are kept.
const NO_COOKIES = { open: "open once", recorded: "recorded once", unsure: "unsure once" };

const main = document.querySelector("main");
const form = document.getElementById("ballot");
const notice = document.getElementById("notice");
const again = document.getElementById("again");
const answer = again.parentElement;
const result = document.getElementById("result"); // null where its address is unknown
const buttons = new Map([...form.querySelectorAll(".option")].map((each) => [each.value, each]));

let recorded = main.querySelector('[data-mark="recorded"]')?.value ?? null;
let wanted = null; // the voter's last choice that the server has not acknowledged
let doubted = null; // a vote whose acknowledgement is missing
let sending = false; // one request at a time: the last choice wins
let endPause = () => {}; // ends the pause before the next attempt
let closed = main.dataset.state === "closed";
let endCountdown = null;
let skew = skewOf(Number(main.dataset.now)); // ms, the clock of the server minus ours

/** The text `key` with isolated names, because they may run the other way. */
function sentence(key, names) {
  const parts = text(key, { name: "{name}", kept: "{kept}" }).split(/\{(name|kept)\}/);
  return parts.map((part, index) => {
    if (index % 2 === 0) return part;
    const name = document.createElement("bdi");
    name.textContent = buttons.get(names[part])?.querySelector(".name").textContent;
    return name;
  });
}

/** Scrolls the answer into view where the style sheet does not keep it there. */
function reveal() {
  const { bottom } = answer.getBoundingClientRect();
  if (bottom > window.innerHeight + 1) answer.scrollIntoView({ block: "nearest" });
}

/** Moves the focus from what cannot keep it: options of a closed poll, a button that is hidden. */
function moveFocus(id) {
  const focused = document.activeElement;
  if (closed && (focused === again || form.contains(focused))) {
    notice.focus({ preventScroll: true });
    reveal();
  } else if (focused === again) buttons.get(id).focus();
}

/** Shows a state. `mark` (recorded, busy or failed) is on the button of `id`. */
function show(state, tone, id = null, mark = null) {
  main.dataset.state = state;
  answer.dataset.tone = tone;
  const key = (!keepsCookies && NO_COOKIES[state]) || state;
  notice.replaceChildren(...sentence(key, { name: id, kept: recorded }));
  const canRetry = mark === "failed" && !closed;
  if (!canRetry) moveFocus(id);
  again.hidden = !canRetry;
  again.value = id ?? "";
  if (result) result.hidden = !closed;
  const failed = state === "unsure" ? "not sure" : "not sent";
  const words = { recorded: "your vote", busy: "busy", failed };
  for (const [each, button] of buttons) {
    const shown = each === id ? mark : each === recorded ? "recorded" : null;
    button.setAttribute("aria-pressed", String(each === (mark === "busy" ? id : recorded)));
    button.disabled = closed;
    if (shown) button.dataset.mark = shown;
    else delete button.dataset.mark;
    button.querySelector(".mark").textContent = shown ? text(words[shown]) : "";
  }
  if (tone === "bad") reveal();
}

function close() {
  closed = true;
  if (sending) return endPause(); // the answer to the next attempt says how it ended
  const isLate = wanted !== null && wanted !== recorded;
  if (doubted !== null) show("closed unsure", "bad", doubted);
  else if (isLate) {
    show(recorded === null ? "closed without" : "closed instead", "bad", wanted, "failed");
  } else if (recorded !== null) show("closed with", "quiet", recorded, "recorded");
  else show("closed", "quiet");
}

/** Sends a vote, and returns the state that its answer means; "unanswered" if it has none. */
async function post(id) {
  const wasOffline = !navigator.onLine;
  const body = new URLSearchParams(new FormData(form));
  body.set("vote", id);
  let response;
  try {
    response = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body,
      signal: AbortSignal.timeout(TIMEOUT),
    });
  } catch {
    // Only a device that was offline before is sure that nothing arrived.
    return wasOffline ? "offline" : "unanswered";
  }
  const { status } = response;
  if (status === 202) return "recorded";
  // During an update, a replica of an earlier version records the vote and redirects to the page.
  if (response.redirected && response.url === form.action) return "recorded";
  if (status === 409) return "changed";
  if (status === 422) return "unknown_option";
  const reason = (await response.json().catch(() => null))?.reason; // a proxy may answer, too
  if (status === 403 && reason === "closed") return "closed";
  if (status < 500) return "refused";
  if (reason === "not_taken") return reason;
  return TEMPORARY.includes(status) ? "unanswered" : "unsure";
}

/** Sends a vote until it has an answer, at most for `PATIENCE` and while it is the last choice. */
async function postUntilAnswered(id) {
  const end = Date.now() + PATIENCE;
  let state;
  for (let pause = FIRST_PAUSE; wanted === id; pause *= 2) {
    state = await post(id);
    if (state === "unanswered" || state === "unsure") {
      recorded = null; // perhaps it is this option now
      doubted = id;
    }
    // Without cookies, each attempt may count as another vote.
    const canResend = state in RESENDING && (state !== "unanswered" || keepsCookies);
    if (!canResend || wanted !== id || closed || Date.now() >= end) break;
    show(RESENDING[state], "quiet", id, "busy");
    const jitter = 1 + Math.random() / 4; // so that an audience does not come all at once
    await sleep(Math.min(pause * jitter, end - Date.now()));
  }
  // An earlier attempt may have been recorded.
  return doubted === id && state in RESENDING ? "unsure" : state;
}

/** Waits for some ms, or until `endPause()`. */
function sleep(duration) {
  return new Promise((resume) => {
    endPause = resume;
    setTimeout(resume, duration);
  });
}

async function cast(id) {
  if (closed || !buttons.has(id)) return;
  wanted = id;
  show("sending", "quiet", id, "busy");
  if (sending) return endPause();
  sending = true;
  let state;
  let sent;
  do {
    sent = wanted;
    state = await postUntilAnswered(sent);
    if (state === "recorded") {
      recorded = sent;
      doubted = null;
    }
  } while (wanted !== sent && state !== "closed");
  sending = false;
  if (state === "closed") {
    closed = true;
    // The poll ended earlier than this page knew.
    if (Number(main.dataset.closesAt) - (Date.now() + skew) > LATE) endCountdown?.();
  }
  if (closed) close();
  else if (state === "changed") loadChanged(sent);
  else if (state === "recorded" || (state === "offline" && sent === recorded)) {
    show("recorded", "good", sent, "recorded"); // a vote that was recorded before stays so
  } else show(state, "bad", sent, "failed");
}

for (const button of [...buttons.values(), again]) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    cast(button.value);
  });
}

/** The main element of the page as the server draws it now; null if it cannot be loaded. */
async function fetchMain() {
  const options = { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) };
  const response = await fetch(location.href, options).catch(() => null);
  if (!response?.ok) return null;
  const html = await response.text().catch(() => "");
  const served = new DOMParser().parseFromString(html, "text/html").querySelector("main");
  return served?.dataset.state ? served : null;
}

/** The poll has changed, so the vote `id` was not recorded: loads the new page if possible. */
async function loadChanged(id) {
  const served = await fetchMain();
  if (sending || wanted !== id) return; // there is another choice
  if (served) load({ state: "changed" });
  else if (!closed) show("outdated", "bad", id, "failed");
}

/**
 * Loads the page again if the server's differs: the voter has voted in another tab, the poll has
 * changed, or votes can be recorded again. If it cannot be loaded, this page stays.
 */
async function refresh() {
  if (sending || (doubted !== null && !closed)) return; // this page knows more
  const before = wanted;
  const served = await fetchMain();
  if (!served || sending || wanted !== before) return;
  const { state, now, poll, text, closesAt } = served.dataset;
  skew = Number(now) - Date.now();
  const choice = served.querySelector('[data-mark="recorded"]')?.value ?? null;
  const isOtherPoll = poll !== main.dataset.poll || text !== main.dataset.text;
  const isClosed = state === "closed";
  const isLate = doubted !== null || (wanted !== null && wanted !== recorded);
  if (isOtherPoll) {
    load(main.dataset.state === "outdated" ? { state: "changed" } : null);
  } else if (closed && isClosed && isLate) {
    return; // a new page would not show what happened to the vote
  } else if (
    isClosed !== closed ||
    closesAt !== main.dataset.closesAt ||
    (main.dataset.state === "unavailable" && state !== "unavailable") ||
    (choice !== recorded && keepsCookies)
  ) {
    load(doubted === null ? null : { state: "unsure", id: doubted });
  } else if (main.dataset.state === "outdated") {
    show("not_taken", "bad", wanted, "failed"); // the poll is that of this page again
  }
}

// Back from one of the browser's caches, from another tab or from the lock screen.
const [navigation] = performance.getEntriesByType("navigation");
const isFromHistory = navigation?.type === "back_forward";
addEventListener("pageshow", (event) => (event.persisted || isFromHistory) && refresh());
document.addEventListener("visibilitychange", () => document.hidden || refresh());

/** Refreshes the page every `period` ms while this is due. */
function refreshEvery(period, isDue) {
  setInterval(() => document.hidden || (isDue() && refresh()), period);
}
refreshEvery(RETRY_UNAVAILABLE, () => ["unavailable", "outdated"].includes(main.dataset.state));
refreshEvery(RETRY_CLOSED, () => closed);

// The device is no longer offline. Later than `PATIENCE`, the voter sends the choice again.
addEventListener("online", () => {
  endPause();
  if (main.dataset.state === "offline" && !closed) show("not_taken", "bad", wanted, "failed");
});

if (!keepsCookies && main.dataset.state === "open") show("open", "quiet");

const message = takeMessage();
if (message?.state === "changed" && !closed) show("changed", "bad");
else if (buttons.has(message?.id) && !closed) {
  recorded = null;
  doubted = wanted = message.id;
  show("unsure", "bad", doubted, "failed");
}

if (main.dataset.closesAt) {
  const closing = document.getElementById("closing");
  endCountdown = countDown(closing, Number(main.dataset.closesAt), () => skew, () => {
    if (!closed) close();
  });
}
