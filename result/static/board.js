// Draws the numbers: the split of two options, the ranked bars of more, and the table behind both.

import { integer, tenth, text } from "./text.js";

const COUNTING = 110; // ms in which a number runs two thirds of the way to its new value
const RANKING = 300; // ms between two orders of the bars, while the numbers run
const QUIET = 8_000; // ms between two announcements to a screen reader

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** `count` of `total` in percent with one decimal. Neither all nor nothing by rounding. */
export function share(count, total) {
  if (!total) return "–";
  const exact = (1000 * count) / total;
  let rounded = Math.round(exact);
  // Halves go to the even neighbour: then two shares always make 100.0.
  if (rounded - exact === 0.5 && rounded % 2) rounded -= 1;
  const percent = rounded / 10;
  if (percent === 0 && count) return `<${tenth(0.1)}%`;
  if (percent === 100 && count < total) return `>${tenth(99.9)}%`;
  return `${tenth(percent)}%`;
}

export class Board {
  #main;
  #total = document.getElementById("total");
  #final = document.getElementById("final");
  #announcer = document.getElementById("announcer");
  #split;
  #bars;
  #counts = null; // what the server said last
  #shown = null; // what is on the screen, on its way there
  #frame = 0; // in which the numbers run on
  #drawn = 0; // when the last one was
  #laid = null; // the counts by which bars, halves and ranks are in their places
  #laidAt = 0; // when they were put there
  #announced = 0;
  #announcing = 0;
  #isClosed;
  #isFinal;
  #left = 0;

  constructor(main) {
    this.#main = main;
    this.#split = main.querySelector(".split");
    this.#bars = main.querySelector(".bars");
    this.#isClosed = "closed" in main.dataset;
    this.#isFinal = "final" in main.dataset;
    for (const each of main.querySelectorAll("[data-at], [data-part]")) this.#place(each);
    this.#bars?.style.setProperty("--letters", this.#bars.dataset.letters);
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
    this.#main.dataset.closed = "";
    this.#isFinal = isFinal;
    this.#left = left;
    this.#final.hidden = !isFinal;
    this.#main.toggleAttribute("data-final", isFinal);
    // Where voting has ended nobody is shown the way to it.
    if (document.activeElement?.closest(".invite")) this.#main.focus({ preventScroll: true });
    if (this.#counts) {
      this.#jump();
      if (isFinal) this.#announce();
    }
  }

  /** Shows what the server said last, without a way there. */
  #jump() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#shown = this.#counts;
    this.#lay(this.#counts);
    this.#write(this.#counts);
  }

  /** Puts bars, halves and ranks in their places; style sheets make the way there smooth. */
  #lay(counts) {
    this.#laid = counts;
    this.#laidAt = performance.now();
    const ids = Object.keys(counts);
    const total = sum(counts);
    const most = Math.max(...Object.values(counts));
    const first = ids.filter((id) => counts[id] === most);
    const verdict = !total ? "" : first.length > 1 ? "tie" : this.#isFinal ? "wins" : "leads";
    if (this.#split) {
      const [left] = this.#sides();
      this.#split.dataset.at = `${total ? (100 * (counts[left] ?? 0)) / total : 50}%`;
      this.#place(this.#split);
      for (const side of this.#split.querySelectorAll(".side")) {
        const shown = verdict && first.includes(side.dataset.id) ? text(verdict) : "";
        side.querySelector(".verdict").textContent = shown;
      }
    }
    if (this.#bars) this.#rank(counts, most, verdict);
  }

  #rank(counts, most, verdict) {
    const bars = [...this.#bars.children];
    const wanted = [...bars].sort((a, b) => {
      const difference = (counts[b.dataset.id] ?? 0) - (counts[a.dataset.id] ?? 0);
      return difference || a.dataset.id.localeCompare(b.dataset.id);
    });
    const moves = wanted.some((bar, index) => bar !== bars[index]);
    const before = moves ? new Map(bars.map((bar) => [bar, bar.getBoundingClientRect()])) : null;
    if (moves) this.#bars.append(...wanted);
    let rank = 0;
    wanted.forEach((bar, index) => {
      const count = counts[bar.dataset.id] ?? 0;
      bar.dataset.part = `${most ? (100 * count) / most : 0}%`;
      this.#place(bar);
      // Equal counts share a rank.
      if (index === 0 || count < (counts[wanted[index - 1].dataset.id] ?? 0)) rank = index + 1;
      bar.querySelector(".rank").textContent = most ? integer(rank) : "";
      bar.toggleAttribute("data-first", most > 0 && count === most);
      bar.querySelector(".name").dataset.verdict = most && count === most ? text(verdict) : "";
    });
    if (!moves || calm.matches || document.hidden) return;
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

  #place(element) {
    element.style.setProperty("--at", element.dataset.at ?? element.dataset.part);
  }

  /**
   * The numbers run to what the server said last. A frame that is due is never put off: where frames
   * take longer than the server needs for the next numbers, none would be drawn.
   */
  #run() {
    if (this.#frame) return;
    this.#drawn = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  #step(now) {
    const part = 1 - Math.exp(-Math.max(0, now - this.#drawn) / COUNTING);
    this.#drawn = now;
    const between = {};
    let isThere = true;
    for (const [id, count] of Object.entries(this.#counts)) {
      const left = count - (this.#shown[id] ?? 0);
      const isClose = Math.abs(left) < 0.5;
      between[id] = isClose ? count : count - left * (1 - part);
      isThere &&= isClose;
    }
    this.#shown = between;
    const isDue = isThere || !this.#bars || now - this.#laidAt >= RANKING;
    if (isDue && this.#laid !== this.#counts) this.#lay(this.#counts);
    this.#write(Object.fromEntries(Object.entries(between).map(([id, n]) => [id, Math.round(n)])));
    this.#frame = isThere ? 0 : requestAnimationFrame((next) => this.#step(next));
  }

  #sides() {
    return [...this.#split.querySelector(".layer").children].map((side) => side.dataset.id);
  }

  #write(counts) {
    const total = sum(counts);
    let isWide = false;
    for (const element of this.#main.querySelectorAll(".side, .bar, tbody tr")) {
      const count = counts[element.dataset.id] ?? 0;
      const percent = share(count, total);
      if (element.localName === "tr") {
        put(element.cells[1], percent);
        put(element.cells[2], integer(count));
      } else {
        put(element.querySelector(".share"), percent);
        isWide ||= percent.length > 5;
        const words = element.localName === "li" ? integer(count) : text("votes", { n: count });
        put(element.querySelector(".count"), words);
      }
    }
    this.#split?.toggleAttribute("data-wide", isWide);
    const digits = integer(Math.max(...Object.values(counts))).length;
    this.#bars?.style.setProperty("--digits", digits);
    this.#main.toggleAttribute("data-empty", !total);
    const words = total || this.#isClosed ? text("votes", { n: total }) : text("no votes");
    put(this.#total, this.#left ? text("closing", { n: this.#left }) : words);
  }

  /** Tells a screen reader the state of things, now and then, and the last one for sure. */
  #announce() {
    if (this.#announcing) return;
    const wait = Math.max(1_000, this.#announced + QUIET - Date.now());
    this.#announcing = setTimeout(() => {
      this.#announcing = 0;
      this.#announced = Date.now();
      const total = sum(this.#counts);
      const rows = [...this.#main.querySelectorAll(".sheet tbody tr")];
      const best = rows.sort((a, b) => this.#counts[b.dataset.id] - this.#counts[a.dataset.id]);
      const parts = best
        .slice(0, 3)
        .map((row) => `${row.cells[0].textContent} ${share(this.#counts[row.dataset.id], total)}`);
      if (!total) parts.length = 0; // a share of nothing says nothing
      if (this.#isFinal) parts.unshift(text("final"));
      const words = total || this.#isClosed ? text("votes", { n: total }) : text("no votes");
      this.#announcer.textContent = [...parts, words].join(" · ");
    }, wait);
  }
}

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
