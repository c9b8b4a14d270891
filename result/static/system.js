// The system page: draws each event `system`.

import { skewOf } from "./countdown.js";
import { connect } from "./live.js";
import { startPanel } from "./panel.js";
import { startPresenter } from "./present.js";
import { Strip } from "./strip.js";
import { setSpeeds } from "./system-flows.js";
import { drawReplicas } from "./system-replicas.js";
import { count, duration, rate, servers, storeState } from "./system-text.js";
import { text } from "./text.js";

const SERVICES = ["vote", "worker", "result"];
const STORES = ["redis", "postgres"];
const NEW_FOR = 60_000; // ms for which a primary is marked as new

const main = document.querySelector("main");
let skew = skewOf(Number(main.dataset.now)); // ms, the server's clock minus ours
const strip = new Strip(main, () => skew);
const panel = startPanel();

function draw(content) {
  const rates = { commits: content.commits };
  for (const service of SERVICES) {
    const replicas = content.replicas.filter((each) => each.service === service);
    rates[service] = replicas.reduce((sum, each) => sum + (each.gone_since ? 0 : each.rate), 0);
  }
  drawReplicas(content);
  setSpeeds(rates);
  show(content, rates);
  panel?.draw(content);
}

/** Writes each number wherever the page shows it: in the diagram and in the table. */
function show(content, rates) {
  const numbers = {
    p50: content.latency ? duration(content.latency.p50) : "–",
    p99: content.latency ? duration(content.latency.p99) : "–",
    rest: restOf(content),
  };
  const isNew = {};
  for (const store of STORES) {
    const { state, since } = content[store];
    const group = content.servers?.[store]; // a replica of an earlier version sends none
    isNew[store] = Boolean(group?.since) && content.now - group.since < NEW_FOR;
    numbers[store] = storeState(state, since - skew);
    numbers[`${store} servers`] = servers(group, isNew[store] && group.since - skew);
  }
  for (const name of ["browsers", "waiting", "claimed", "stored", "dead"]) {
    numbers[name] = count(content[name]);
  }
  for (const [name, value] of Object.entries(rates)) numbers[`rate of ${name}`] = rate(value);
  for (const element of main.querySelectorAll("[data-number]")) {
    const words = numbers[element.dataset.number];
    if (element.textContent !== words) element.textContent = words;
  }
  for (const store of STORES) {
    const stage = main.querySelector(`[data-stage=${store}]`);
    stage.dataset.state = content[store].state;
    stage.toggleAttribute("data-new-primary", isNew[store]);
  }
  main.querySelector("[data-stage=redis]").toggleAttribute("data-dead", content.dead > 0);
}

/** Says why there is no worker. At rest that is normal: KEDA starts one with the next vote. */
function restOf({ replicas, waiting, redis }) {
  const isRunning = replicas.some((each) => each.service === "worker" && !each.gone_since);
  if (isRunning || redis.state !== "available") return "";
  return text(waiting ? "no worker yet" : "no worker needed");
}

const handlers = {
  scores: (_, at) => strip.confirm(at),
  pipeline(content, at) {
    skew = content.now - at;
    strip.update(content, at);
  },
  system(content, at) {
    strip.hasFaults = content.faults.length > 0;
    if (content.postgres.state === "available") strip.confirm(at);
    draw(content);
  },
  tick() {
    strip.draw();
    if ("stale" in main.dataset) setSpeeds({});
  },
};
connect(handlers, { page: "system" });
startPresenter(document.getElementById("present"));
