// The replicas: boxes in the diagram, rows in the table.

import { shortName } from "./strip.js";
import { fly } from "./system-flows.js";
import { age, count, rate, replicaState } from "./system-text.js";
import { text } from "./text.js";

const MOST = 10; // boxes of a service; more are drawn as a group for each version

const rows = document.getElementById("replicas");
const queue = document.querySelector("[data-stage=redis]");
let abandoned = {}; // what silent sessions had claimed, by the name of their worker

export function drawReplicas(content) {
  const { replicas, now } = content;
  const known = [...replicas].sort((a, b) => a.started_at - b.started_at);
  returnClaims(content.abandoned);
  const described = [];
  for (const stage of document.querySelectorAll(".replicas")) {
    const own = known.filter((each) => each.service === stage.dataset.service);
    const boxes = own.length > MOST ? grouped(own) : own;
    sync(stage, "box", boxes.map((each) => describe(each, now)));
    described.push(...own.map((each) => describe(each, now)));
  }
  sync(rows, "row", described);
}

/** Shows that what a dead session had claimed is back in the queue. Null: it is unknown. */
function returnClaims(now) {
  for (const [name, claimed] of Object.entries(now ? abandoned : {})) {
    const returned = claimed - (now[name] ?? 0);
    if (returned > 0) fly(count(returned), boxOf(name), queue);
  }
  abandoned = now ?? {};
}

function boxOf(name) {
  const stage = document.querySelector(".replicas[data-service=worker]");
  return stage.querySelector(`[data-key="${CSS.escape(`worker:${name}`)}"]`) ?? stage;
}

/** One group for each version, with the sums of its replicas. */
function grouped(replicas) {
  const sum = (all, key) => all.reduce((total, each) => total + (each[key] ?? 0), 0);
  return [...Map.groupBy(replicas, (each) => each.version)].map(([version, all]) => {
    const present = all.filter((each) => !each.gone_since);
    return {
      ...all[0],
      name: version,
      size: present.length,
      gone_since: present.length ? null : all[0].gone_since,
      state: [...new Set(present.map((each) => replicaState(each.state)))].join(", "),
      rate: sum(present, "rate"),
      claimed: sum(all, "claimed"),
      refused: sum(present, "refused"),
      browsers: sum(present, "browsers"),
      faults: [...new Set(all.flatMap((each) => each.faults))],
    };
  });
}

function describe(replica, now) {
  const { service, size, gone_since: gone } = replica;
  const load = {
    vote: ["refused by", replica.refused],
    worker: ["claimed by", replica.claimed],
    result: ["browsers at", replica.browsers],
  }[service];
  const short = size === undefined ? shortName(replica.name) : `× ${count(size)}`;
  return {
    key: `${service}:${replica.name}`,
    gone,
    hue: replica.hue,
    fields: {
      service,
      short,
      name: `${service} ${short}`,
      version: replica.version,
      age: age((gone ?? now) - replica.started_at),
      rate: gone ? "" : rate(replica.rate),
      load: load?.[1] ? text(load[0], { n: load[1] }) : "",
      state: replicaState(gone ? "gone" : replica.state),
      faults: gone ? "" : replica.faults.join(", "),
    },
  };
}

/** Makes the children of an element those of these items, and keeps the elements that stay. */
function sync(parent, template, items) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const child = before.get(item.key) ?? clone(template, item.key);
    before.delete(item.key);
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index]);
    fill(child, item);
  });
  for (const child of before.values()) child.remove();
}

function clone(template, key) {
  const made = document.getElementById(template).content.firstElementChild.cloneNode(true);
  made.dataset.key = key;
  return made;
}

function fill(element, { gone, hue, fields }) {
  element.toggleAttribute("data-gone", Boolean(gone));
  element.dataset.hue = hue;
  for (const field of element.querySelectorAll("[data-field]")) {
    const words = fields[field.dataset.field];
    if (field.textContent !== words) field.textContent = words;
  }
}
