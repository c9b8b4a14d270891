// The strip: how the votes travel, and what is wrong.

import { integer, moment, text } from "./text.js";

const FRESH = 3_000; // ms: up to this age, the numbers are those of now
const FIRST = 5_000; // ms for the first connection, which takes long on a slow line
const JUST = 5_000; // ms: up to this age, a commit was "just now"
const PASSING = 1_500; // ms for which votes may be on their way before they are a queue
const NAMED = 2; // workers; more are counted, because their names would not fit

export class Strip {
  hasFaults = false; // whether a fault is injected, as far as this page knows
  #main;
  #skew;
  #footer = document.querySelector(".strip");
  #health = document.getElementById("health");
  #alarm = document.getElementById("alarm");
  #facts = document.getElementById("pipeline"); // not on the system page, whose diagram says more
  #opened = Date.now();
  #pipeline = null; // what the service sent last
  #heard = 0; // when it did
  #confirmed; // when the numbers were last known to be true, by our clock
  #queued = null; // since when votes have been on their way without a pause
  #committed = 0; // the last commit, by the clock of the server
  #announced = "good"; // what the screen reader heard last
  #drawn = ""; // the facts that are on the page

  constructor(main, skew) {
    this.#main = main;
    this.#skew = skew;
    const asOf = Number(main.dataset.asOf);
    this.#confirmed = asOf ? asOf - skew() : null;
    document.getElementById("stuck").remove(); // all scripts have loaded
  }

  /** New numbers have come at the time `at`. */
  confirm(at) {
    this.#confirmed = this.#heard = at;
    this.draw();
  }

  /** The service has sent the state of the pipeline at the time `at`. */
  update(pipeline, at) {
    this.#pipeline = pipeline;
    this.#heard = at;
    this.#queued = this.left ? (this.#queued ?? at) : null;
    this.#committed = Math.max(this.#committed, pipeline.last_commit ?? 0);
    if (pipeline.as_of) {
      const isFresh = pipeline.postgres.state === "available";
      this.#confirmed = isFresh ? at : pipeline.as_of - this.#skew();
    }
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
    this.#main.toggleAttribute("data-stale", tone === "bad" && !(this.#age <= FRESH));
    sentences.forEach((words, index) => {
      const paragraph = this.#health.children[index] ?? this.#health.appendChild(document.createElement("p"));
      if (paragraph.textContent !== words) paragraph.textContent = words;
    });
    while (this.#health.children.length > sentences.length) this.#health.lastChild.remove();
    this.#announce(tone, found, sentences);
    if (this.#facts && this.#pipeline) this.#describe(this.#pipeline);
  }

  get #age() {
    return this.#confirmed === null ? null : Date.now() - this.#confirmed;
  }

  /** A screen reader hears what is wrong, and when all is well again; not each new number. */
  #announce(tone, found, sentences) {
    const state = tone === "bad" ? found.map(([key]) => key).join() : tone;
    if (state === this.#announced || (tone !== "bad" && tone !== "good")) return;
    this.#announced = state;
    this.#alarm.textContent = sentences.join(". ");
  }

  /**
   * A tone (good, busy, bad, quiet), and sentences, the worst first: each as the key of its text
   * and its values.
   */
  #findings() {
    if (!this.#pipeline) {
      if (Date.now() - this.#opened < FIRST) return ["quiet", ["connecting"]];
      const old = this.#age === null ? [] : [["old result", { ago: ago(this.#age) }]];
      return ["bad", ["connecting"], ...old];
    }
    if (Date.now() - this.#heard > FRESH) {
      if (this.#age === null) return ["bad", ["connecting"]];
      return ["bad", [navigator.onLine ? "reconnecting" : "offline", { ago: ago(this.#age) }]];
    }
    const faults = [...this.#storeFaults(), ...this.#voteFaults()];
    if (faults.length) return ["bad", ...faults];
    const { postgres, redis, workers } = this.#pipeline;
    if ([postgres.state, redis.state].includes("unknown")) return ["quiet", ["connecting"]];
    if (redis.state === "available" && !workers) return ["busy", ["redis back"]];
    if (this.hasFaults) return ["busy", ["injected fault"]];
    const isQueue = this.left && Date.now() - this.#queued >= PASSING;
    return isQueue ? ["busy", ["counting"]] : ["good", ["well"]];
  }

  #storeFaults() {
    const { postgres, redis } = this.#pipeline;
    const found = [];
    if (postgres.state === "unavailable") {
      const key = postgres.refused ? "postgres refuses" : "postgres unavailable";
      found.push([key, { time: this.#clock(postgres.since) }]);
      if (this.#age > FRESH) found.push(["old result", { ago: ago(this.#age) }]);
    }
    if (redis.state === "unavailable") {
      const key = this.#isClosed ? "redis unavailable closed" : "redis unavailable";
      found.push([redis.refused ? "redis refuses" : key, { time: this.#clock(redis.since) }]);
    }
    return found;
  }

  /** Faults of the vote page and of the workers, as far as Redis knows them. */
  #voteFaults() {
    const { postgres, redis, workers, vote_page: votePage } = this.#pipeline;
    const found = [];
    if (votePage === false && !this.#isClosed) found.push(["vote page unavailable"]);
    if (redis.state !== "available") return found;
    const alive = workers?.filter((worker) => worker.alive) ?? [];
    // No worker at rest is no fault: an autoscaler starts one with the next vote.
    if (workers && !alive.length && (workers.length || this.left)) {
      return [...found, [this.left ? "no worker waiting" : "no worker", { n: this.left }]];
    }
    const lost = workers?.filter((worker) => !worker.alive) ?? [];
    if (lost.length > NAMED) {
      found.push(["workers lost", { silent: lost.length, all: workers.length }]);
    } else if (lost.length) {
      found.push(["worker lost", { n: lost.length, names: namesOf(lost) }]);
    }
    const areWaiting = workers && alive.every((worker) => worker.state === "waiting for postgres");
    if (this.left && (areWaiting || postgres.state === "unavailable")) {
      found.push(["waiting for postgres", { n: this.left }]);
    }
    return found;
  }

  #describe(pipeline) {
    const alive = pipeline.workers?.filter((worker) => worker.alive);
    const facts = [
      ["waiting", pipeline.waiting === null ? text("unknown") : text("votes", { n: this.left })],
      [
        "workers",
        alive ? namesOf(alive) || text("none") : text("unknown"),
        alive?.length === 1 ? "worker" : "workers", // "Worker 1" is a name, "Workers 3" a number
      ],
      ["committed", this.#sinceCommit(pipeline)],
      ["viewers", integer(pipeline.browsers)],
    ];
    if (pipeline.dead) facts.push(["dead", integer(pipeline.dead)]);
    const drawn = JSON.stringify(facts);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#facts.replaceChildren(
      ...facts.map(([fact, value, label = fact]) => {
        const pair = document.createElement("div");
        pair.dataset.fact = fact;
        pair.append(element("dt", text(label)), element("dd", value));
        return pair;
      }),
    );
  }

  #sinceCommit(pipeline) {
    if (this.#committed) return ago(Math.max(0, Date.now() + this.#skew() - this.#committed), JUST);
    return text(pipeline.workers && "empty" in this.#main.dataset ? "never" : "unknown");
  }

  get #isClosed() {
    return "closed" in this.#main.dataset;
  }

  /** A moment of the server's clock on the clock of the reader. */
  #clock(ms) {
    return moment(ms - this.#skew());
  }
}

/**
 * The last part of a worker's name: `m28v2` of the session `worker-7d9f8b-m28v2-1a2b3c`.
 * Six digits of a container's id are enough.
 */
export function shortName(session) {
  const [host] = session.replace(/-[0-9a-f]{6}$/, "").split(".");
  return host.split("-").at(-1).replace(/^([0-9a-f]{6})[0-9a-f]{6}$/, "$1");
}

function namesOf(workers) {
  if (workers.length > NAMED) return integer(workers.length);
  return workers.map((worker) => shortName(worker.name)).join(", ");
}

function element(name, words) {
  const made = document.createElement(name);
  made.textContent = words;
  return made;
}

/** A time span in ms in words; up to `just` ms it was "just now". */
function ago(ms, just = 0) {
  if (ms < just) return text("just now");
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return text("seconds ago", { n: seconds });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return text("minutes ago", { n: minutes });
  return text("hours ago", { n: Math.round(minutes / 60) });
}
