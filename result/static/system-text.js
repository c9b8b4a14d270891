// Numbers and names as the system page writes them.

import { integer, moment, text } from "./text.js";

const STATES = new Set([
  "state gone",
  "state idle",
  "state paused",
  "state waiting for postgres",
  "state working",
]);
const STORES = {
  available: "store available",
  unavailable: "store unavailable",
  unknown: "store unknown",
};
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
  ["millisecond", 1],
];

const language = document.documentElement.lang;
const digits = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 });
const units = Object.fromEntries(
  UNITS.map(([unit]) => [
    unit,
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "narrow" }),
  ]),
);

export const count = (n) => (n === null ? "–" : integer(n));
export const rate = (n) => text("per second", { n: n < 10 ? digits.format(n) : integer(Math.round(n)) });
export const duration = (ms) => units.millisecond.format(Math.round(ms));

/** The state of a store, which it has had since this moment. */
export const storeState = (state, since) => text(STORES[state], { time: moment(since) });

/** The servers of a replicated store, as this moment shows them; nothing for a single one. */
export function servers(of, since) {
  if (!of) return "";
  const values = { name: of.primary, n: count(of.replicas) };
  return since ? text("new primary", { ...values, time: moment(since) }) : text("servers", values);
}

/** A replica's state in the reader's language; one that this page does not know, as it is. */
export function replicaState(words) {
  const key = `state ${words}`;
  return STATES.has(key) ? text(key) : words;
}

/** An age in one unit: 12s, 5m, 2h, 3d. */
export function age(ms) {
  const [unit, length] = UNITS.slice(0, -1).find((each) => ms >= each[1]) ?? UNITS.at(-2);
  return units[unit].format(Math.max(0, Math.floor(ms / length)));
}
