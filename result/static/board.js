// Draws the numbers: the split of two options, the ranked bars of more, and the table behind both.

import { integer, tenth, text } from "./text.js";

const COUNTING = 110; // ms in which a number runs two thirds of the way to its new value
const RANKING = 300; // ms between two orders of the bars while the numbers run
const QUIET = 8_000; // ms between two announcements to a screen reader

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** `count` of `total` in percent. Rounding makes it neither nothing nor all. */
export function share(count, total) {
  if (!total) return "–";
  const exact = (1000 * count) / total;
  let rounded = Math.round(exact);
  // Halves go to the even neighbor: then two shares always add up to 100.0.
  if (rounded - exact === 0.5 && rounded % 2) rounded -= 1;
  const percent = rounded / 10;
  if (percent === 0 && count) return `<${tenth(0.1)}%`;
  if (percent === 100 && count < total) return `>${tenth(99.9)}%`;
  return `${tenth(percent)}%`;
}

export class Board {
  #main;
  #split;
  #bars;
  #total = document.getElementById("total");
  #final = document.getElementById("final");
  #announcer = document.getElementById("announcer");
  #counts = null; // what the server sent last
  #shown = null; // what is on the screen, on its way there
  #placed = null; // the counts by which bars and halves have their places
  #placedAt = 0;
  #frame = 0; // the animation frame that is due
  #drawnAt = 0;
  #announcement = 0; // the timer of the next one
  #announcedAt = 0;
  #isClosed;
  #isFinal;
  #left = 0;

  constructor(main) {
    this.#main = main;
    this.#split = main.querySelector(".split");
    this.#bars = main.querySelector(".bars");
    this.#bars?.style.setProperty("--rows", this.#bars.dataset.rows);
    this.#isClosed = "closed" in main.dataset;
    this.#isFinal = "final" in main.dataset;
    for (const each of main.querySelectorAll("[data-at]")) place(each, each.dataset.at);
  }

  /** Shows these counts, by option id. */
  draw(counts) {
    const before = this.#counts;
    this.#counts = counts;
    if (!before || calm.matches || document.hidden) this.#jump();
    else this.#run();
    if (before && Object.keys(counts).some((id) => counts[id] !== before[id])) this.#announce();
  }

  /** The poll is closed: the result is final, or so many votes are still being counted. */
  settle(isFinal, left) {
    if (this.#isClosed && isFinal === this.#isFinal && left === this.#left) return;
    this.#isClosed = true;
    this.#isFinal = isFinal;
    this.#left = left;
    this.#final.hidden = !isFinal;
    this.#main.dataset.closed = "";
    this.#main.toggleAttribute("data-final", isFinal);
    // The link to the vote page is hidden now.
    if (document.activeElement?.closest(".invite")) this.#main.focus({ preventScroll: true });
    if (this.#counts) {
      this.#jump();
      if (isFinal) this.#announce();
    }
  }

  /** Shows the newest counts at once. */
  #jump() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#shown = this.#counts;
    this.#place();
    this.#write(this.#counts);
  }

  /** Lets the numbers run to the newest counts. */
  #run() {
    if (this.#frame) return;
    this.#drawnAt = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  #step(now) {
    const rest = Math.exp(-Math.max(0, now - this.#drawnAt) / COUNTING);
    this.#drawnAt = now;
    const next = {};
    for (const [id, count] of Object.entries(this.#counts)) {
      const left = count - (this.#shown[id] ?? 0);
      next[id] = Math.abs(left) < 0.5 ? count : count - left * rest;
    }
    this.#shown = next;
    const isDone = Object.entries(this.#counts).every(([id, count]) => next[id] === count);
    const isDue = isDone || !this.#bars || now - this.#placedAt >= RANKING;
    if (isDue && this.#placed !== this.#counts) this.#place();
    this.#write(Object.fromEntries(Object.entries(next).map(([id, n]) => [id, Math.round(n)])));
    this.#frame = isDone ? 0 : requestAnimationFrame((later) => this.#step(later));
  }

  /** Puts bars and halves in their places; the style sheet makes the movement smooth. */
  #place() {
    const counts = (this.#placed = this.#counts);
    this.#placedAt = performance.now();
    const total = sum(counts);
    const most = Math.max(...Object.values(counts));
    const isTie = Object.values(counts).filter((count) => count === most).length > 1;
    const verdict = !total ? "" : text(isTie ? "tie" : this.#isFinal ? "wins" : "leads");
    for (const each of this.#main.querySelectorAll(".side, .bar")) {
      const isFirst = counts[each.dataset.id] === most;
      put(each.querySelector(".verdict"), isFirst ? verdict : "");
    }
    if (this.#split) {
      const left = counts[this.#split.querySelector(".side").dataset.id] ?? 0;
      place(this.#split, `${total ? (100 * left) / total : 50}%`);
    }
    if (this.#bars) this.#rank(counts, total);
  }

  #rank(counts, total) {
    const bars = [...this.#bars.children];
    const count = (bar) => counts[bar.dataset.id] ?? 0;
    const ranked = [...bars].sort(
      (a, b) => count(b) - count(a) || a.dataset.id.localeCompare(b.dataset.id),
    );
    const moves = ranked.some((bar, index) => bar !== bars[index]);
    const before = new Map(moves ? bars.map((bar) => [bar, bar.getBoundingClientRect()]) : []);
    if (moves) this.#bars.append(...ranked);
    let rank = 0;
    ranked.forEach((bar, index) => {
      place(bar, `${total ? (100 * count(bar)) / total : 0}%`);
      // Equal counts share a rank.
      if (index === 0 || count(bar) < count(ranked[index - 1])) rank = index + 1;
      put(bar.querySelector(".rank"), total ? integer(rank) : "");
    });
    if (calm.matches || document.hidden) return;
    for (const [bar, was] of before) {
      const is = bar.getBoundingClientRect();
      if (was.top === is.top && was.left === is.left) continue;
      const from = `translate(${was.left - is.left}px, ${was.top - is.top}px)`;
      bar.animate([{ transform: from }, { transform: "none" }], {
        duration: 500,
        easing: "cubic-bezier(0.2, 0.8, 0.2, 1)",
      });
    }
  }

  #write(counts) {
    const total = sum(counts);
    for (const element of this.#main.querySelectorAll(".side, .bar, tbody tr")) {
      const count = counts[element.dataset.id] ?? 0;
      const percent = share(count, total);
      if (element.localName === "tr") {
        put(element.cells[1], percent);
        put(element.cells[2], integer(count));
      } else {
        put(element.querySelector(".share"), percent);
        const words = this.#bars ? integer(count) : text("votes", { n: count });
        put(element.querySelector(".count"), words);
      }
    }
    this.#main.toggleAttribute("data-empty", !total);
    put(this.#total, this.#left ? text("closing", { n: this.#left }) : this.#totalOf(total));
  }

  #totalOf(total) {
    return total || this.#isClosed ? text("votes", { n: total }) : text("no votes");
  }

  /** Lets a screen reader say the numbers now and then, and the last ones for sure. */
  #announce() {
    if (this.#announcement) return;
    const wait = Math.max(1_000, this.#announcedAt + QUIET - Date.now());
    this.#announcement = setTimeout(() => {
      this.#announcement = 0;
      this.#announcedAt = Date.now();
      const total = sum(this.#counts);
      const count = (row) => this.#counts[row.dataset.id] ?? 0;
      const rows = [...this.#main.querySelectorAll("tbody tr")].sort((a, b) => count(b) - count(a));
      const best = total ? rows.slice(0, 3) : [];
      const parts = best.map((row) => `${row.cells[0].textContent} ${share(count(row), total)}`);
      if (this.#isFinal) parts.unshift(text("final"));
      this.#announcer.textContent = [...parts, this.#totalOf(total)].join(" · ");
    }, wait);
  }
}

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

function place(element, share) {
  element.style.setProperty("--at", share);
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
