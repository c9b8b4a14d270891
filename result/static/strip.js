// Says in words how the votes travel, and what is wrong when something is.

import { moment, text } from "./text.js";

const FRESH = 1_750; // ms: up to here what is shown counts as the present
const JUST = 5_000; // ms: up to here a commit was "just now"
const PATIENT = 1_000; // ms for which a connection may be away before we speak of it
const PASSING = 1_500; // ms for which votes may be on their way before they are a queue
const NAMED = 3; // silent workers; more are told as a number: their names would fill a phone
const FIRST_PATIENT = 5_000; // ms for the first connection, which a slow line takes long to make

export class Strip {
  #main;
  #skew;
  #footer = document.querySelector(".strip");
  #health = document.getElementById("health");
  #alarm = document.getElementById("alarm");
  #alarmed = "good"; // what the screen reader was told last
  #counted = 0; // the votes on their way at that time
  #facts = document.getElementById("pipeline");
  #pipeline = null;
  #queued = null; // since when votes have been on their way without a pause
  #committed = 0; // the last commit that was told, by the clock of the server
  #connected = false;
  #met = false; // there was a connection
  #lost = Date.now(); // since when there is no connection
  #confirmed; // when what is shown was last known to be so, by our clock

  constructor(main, skew) {
    this.#main = main;
    this.#skew = skew;
    const asOf = Number(main.dataset.asOf);
    this.#confirmed = asOf ? asOf - skew() : null;
    document.getElementById("stuck").remove(); // all scripts have come
  }

  /** Scores have come at `at`. */
  shown(at) {
    this.#confirmed = at;
    this.#live();
  }

  /** The service told the state of the pipeline at `at`. */
  update(pipeline, at) {
    const { postgres, redis } = this.#pipeline ?? pipeline;
    this.#pipeline = pipeline;
    // A service that has just begun has not asked yet: what was known of a store holds.
    if (pipeline.postgres.state === "unknown") pipeline.postgres = postgres;
    if (pipeline.redis.state === "unknown") pipeline.redis = redis;
    this.#queued = this.left ? (this.#queued ?? at) : null;
    // Without a time it has read nothing yet, and so confirms nothing.
    if (pipeline.as_of) {
      this.#confirmed = pipeline.postgres.state === "up" ? at : pipeline.as_of - this.#skew();
    }
    this.#live();
  }

  /** The live channel came up or went down. */
  connection(up) {
    if (this.#connected && !up) this.#lost = Date.now();
    this.#connected = up;
    this.draw();
  }

  /** How many votes are on their way, as far as is known. */
  get left() {
    return (this.#pipeline?.waiting ?? 0) + (this.#pipeline?.claimed ?? 0);
  }

  draw() {
    const [tone, ...found] = this.#findings();
    const sentences = found.map(([key, values]) => text(key, values));
    this.#footer.dataset.tone = tone;
    this.#main.toggleAttribute("data-stale", tone === "bad" && this.#isStale());
    const paragraphs = [...this.#health.children];
    sentences.forEach((words, index) => {
      const paragraph = paragraphs[index] ?? this.#health.appendChild(document.createElement("p"));
      if (paragraph.textContent !== words) paragraph.textContent = words;
    });
    paragraphs.slice(sentences.length).forEach((paragraph) => paragraph.remove());
    this.#speak(tone, found.map(([key]) => key).join(), sentences);
    this.#describe();
  }

  /**
   * Tells a screen reader what is wrong, and that it is no more; not each number in between, only
   * that it is less than was told.
   */
  #speak(tone, keys, sentences) {
    const state = tone === "bad" ? keys : tone;
    const isTold = state === this.#alarmed && this.left >= this.#counted;
    if (isTold || (tone !== "bad" && tone !== "good")) return;
    this.#alarmed = state;
    this.#counted = this.left;
    this.#alarm.textContent = sentences.join(". ");
  }

  #live() {
    this.#connected = this.#met = true;
    this.draw();
  }

  #isStale() {
    return this.#confirmed === null || Date.now() - this.#confirmed > FRESH;
  }

  /**
   * What there is to say: a tone (good, busy, bad, quiet), then the sentences, the gravest first,
   * each as the key of its text and the values for it.
   */
  #findings() {
    const age = this.#confirmed === null ? null : Date.now() - this.#confirmed;
    if (!this.#connected || (age > FRESH && this.#pipeline?.postgres.state !== "away")) {
      if (this.#isPatient(age)) return this.#connecting(age);
      if (age === null) return ["bad", ["connecting"]];
      if (!navigator.onLine) return ["bad", ["offline", { ago: ago(age) }]];
      if (!this.#met) return ["bad", ["connecting"], ["postgres seen", { ago: ago(age) }]];
      return ["bad", ["reconnecting", { ago: ago(age) }]];
    }
    return this.#pipeline ? this.#pipelineFindings(age) : ["quiet", ["connecting"]];
  }

  /** Whether a connection that is away is not yet worth a word: what is shown is `age` ms old. */
  #isPatient(age) {
    if (this.#connected || !navigator.onLine) return false;
    const away = Date.now() - this.#lost;
    return this.#met ? away < PATIENT && age <= FRESH : away < FIRST_PATIENT;
  }

  /** Who has just been told what is wrong is told no other thing for a moment. */
  #connecting(age) {
    if (!this.#pipeline) return ["quiet", ["connecting"]];
    const known = this.#pipelineFindings(age);
    return known[0] === "bad" ? known : ["busy", ["connecting"]];
  }

  #pipelineFindings(age) {
    const { postgres, redis, workers, vote_page: votePage } = this.#pipeline;
    const closed = "closed" in this.#main.dataset;
    const found = [];
    if (postgres.state === "away") {
      const key = postgres.refused ? "postgres refuses" : "postgres away";
      found.push([key, { time: this.#clock(postgres.since) }]);
      if (age !== null && age > FRESH) found.push(["postgres seen", { ago: ago(age) }]);
    }
    if (redis.state === "away") {
      const away = closed ? "redis away closed" : "redis away";
      found.push([redis.refused ? "redis refuses" : away, { time: this.#clock(redis.since) }]);
    }
    if (votePage === false && !closed) found.push(["vote away"]);
    const stuck = postgres.state === "away" && redis.state === "up" && this.left > 0;
    if (redis.state === "up" && workers) {
      const silent = workers.filter((worker) => !worker.alive).map((worker) => worker.name);
      if (silent.length === workers.length) {
        found.push([this.left ? "worker away waiting" : "worker away", { n: this.left }]);
      } else if (silent.length > NAMED) {
        found.push(["workers silent", { silent: silent.length, all: workers.length }]);
      } else if (silent.length) {
        found.push(["worker silent", { n: silent.length, names: silent.join(", ") }]);
      }
      const waits = workers.every((worker) => worker.state === "waiting for postgres");
      if (silent.length < workers.length && (stuck || (this.left && waits && !silent.length)))
        found.push(["worker waits", { n: this.left }]);
    } else if (stuck) {
      found.push(["worker waits", { n: this.left }]);
    }
    if (found.length) return ["bad", ...found];
    if ([postgres.state, redis.state].includes("unknown")) return ["quiet", ["connecting"]];
    if (redis.state === "up" && !workers) return ["busy", ["redis back"]];
    if (this.left && Date.now() - this.#queued >= PASSING) return ["busy", ["catching up", { n: this.left }]];
    return ["good", ["well"]];
  }

  #describe() {
    const pipeline = this.#pipeline;
    if (!pipeline) return;
    const facts = [];
    if (pipeline.redis.state !== "unused") {
      const waiting = pipeline.waiting === null ? text("unknown") : text("votes", { n: this.left });
      facts.push(["waiting", waiting]);
      const alive = pipeline.workers?.filter((worker) => worker.alive).map((worker) => worker.name);
      const names = alive ? alive.join(", ") || text("none") : text("unknown");
      facts.push(["workers", names], ["committed", this.#sinceCommit(pipeline)]);
    }
    facts.push(["browsers", text("people", { n: pipeline.browsers })]);
    if (pipeline.dead) facts.push(["dead", text("messages", { n: pipeline.dead })]);
    while (this.#facts.children.length > facts.length) this.#facts.lastChild.remove();
    facts.forEach(([key, value], index) => {
      let pair = this.#facts.children[index];
      if (!pair) {
        pair = document.createElement("div");
        pair.append(document.createElement("dt"), document.createElement("dd"));
        this.#facts.append(pair);
      }
      pair.dataset.fact = key;
      if (pair.firstChild.textContent !== text(key)) pair.firstChild.textContent = text(key);
      if (pair.lastChild.textContent !== value) pair.lastChild.textContent = value;
    });
  }

  /** How long ago votes were last committed. Workers tell; when they are gone we still know. */
  #sinceCommit(pipeline) {
    this.#committed = Math.max(this.#committed, pipeline.last_commit ?? 0);
    if (this.#committed) return ago(Math.max(0, Date.now() + this.#skew() - this.#committed), JUST);
    return text(pipeline.workers && "empty" in this.#main.dataset ? "never" : "unknown");
  }

  /** A moment of the server's clock on the clock of the reader. */
  #clock(ms) {
    return moment(ms - this.#skew());
  }
}

/** A time span in ms as words; up to `just` ms it was "just now". */
function ago(ms, just = 0) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (ms < just) return text("just now");
  if (seconds < 60) return text("seconds ago", { n: seconds });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return text("minutes ago", { n: minutes });
  return text("hours ago", { n: Math.round(minutes / 60) });
}
