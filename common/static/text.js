// The texts of the page in the reader's language, and numbers and times as the reader writes them.

const texts = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;
const integers = new Intl.NumberFormat(language);
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
// The page says the language; the notation of times may differ from region to region.
const primary = (tag) => tag.split("-")[0];
const regional = navigator.languages.find((tag) => primary(tag) === primary(language)) ?? language;
const clock = new Intl.DateTimeFormat(regional, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(regional, { dateStyle: "medium", timeStyle: "short" });

/** The text `key` with each {name} replaced. A count `n` chooses among plural forms. */
export function text(key, values = {}) {
  let found = texts[key];
  if (Array.isArray(found)) {
    const { plurals } = texts; // one digit for each small number: common/i18n.py
    found = found[plurals[values.n < plurals.length ? values.n : 100 + (values.n % 100)]];
  }
  return found.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? integer(value) : value;
  });
}

export const integer = (n) => integers.format(n);
export const tenth = (n) => tenths.format(n);

/** A moment (ms since the epoch) as the reader's clock shows it; with the date if not today. */
export function moment(ms) {
  const date = new Date(ms);
  const today = date.toDateString() === new Date().toDateString();
  return (today ? clock : day).format(date);
}

/** A time span in ms as 1:02:03 or 2:03; from two days on as a number of days. */
export function span(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const days = Math.floor(seconds / 86400);
  if (days >= 2) return text("days", { n: days });
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = two(seconds % 60);
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
