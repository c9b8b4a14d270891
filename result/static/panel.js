// The presenter's panel: fault injection, and the deletion of all votes.

import { span, text } from "./text.js";
import { shortName } from "./strip.js";

const DELETE = "delete all votes"; // what the service wants to read before it does that

const get = (id) => document.getElementById(id);

/** Returns what draws the panel, if this page has one. */
export function startPanel() {
  const panel = document.querySelector(".panel");
  if (!panel) return null;
  const form = get("fault");
  const kind = form.elements.kind;
  let names = ""; // of the replicas to choose from
  let latest = { replicas: [], faults: [] };

  function offerReplicas() {
    const { service } = kind.selectedOptions[0].dataset;
    const own = latest.replicas.filter((each) => each.service === service && !each.gone_since);
    const offered = own.map((each) => each.name).sort();
    if (names === `${service} ${offered}`) return;
    names = `${service} ${offered}`;
    const chosen = form.elements.replica.value;
    const [all] = form.elements.replica.options;
    form.elements.replica.replaceChildren(
      all,
      ...offered.map((name) => new Option(`${service} ${shortName(name)}`, name)),
    );
    form.elements.replica.value = offered.includes(chosen) ? chosen : "";
  }

  function chooseKind() {
    const { unit = "", value = "", most = "" } = kind.selectedOptions[0].dataset;
    const input = form.elements.value;
    input.disabled = !unit;
    input.closest("label").hidden = !unit;
    input.max = most;
    input.value = value;
    get("unit").textContent = unit;
    offerReplicas();
  }

  panel.addEventListener("toggle", async () => {
    if (!panel.open) return;
    const response = await send("GET", "login");
    if (response?.ok && !(await response.json())) login();
  });
  kind.addEventListener("change", chooseKind);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { replica, value, seconds } = form.elements;
    const fault = { kind: kind.value, seconds: Number(seconds.value) };
    if (replica.value) fault.replica = replica.value;
    if (!value.disabled) fault.value = Number(value.value);
    request("POST", "faults", fault, "fault started");
  });
  get("clear").addEventListener("click", () => request("DELETE", "faults", null, "faults cleared"));
  get("reset").addEventListener("click", async () => {
    if ((await answerOf(get("confirm"))) === "delete") {
      request("POST", "reset", { confirm: DELETE }, "votes deleted");
    }
  });
  chooseKind();
  panel.hidden = false;

  return {
    draw(content) {
      latest = content;
      offerReplicas();
      const items = content.faults.map(({ kind: name, service, replica, value, until }) => {
        const option = kind.querySelector(`[value="${name}"]`);
        const size = value === null ? "" : ` ${value} ${option?.dataset.unit ?? ""}`;
        const target = replica ? `${service} ${shortName(replica)}` : text("all");
        return `${option?.textContent ?? name}${size} · ${target} · ${span(until - content.now)}`;
      });
      get("faults").replaceChildren(
        ...items.map((words) => {
          const item = document.createElement("li");
          item.textContent = words;
          return item;
        }),
      );
      get("clear").disabled = !items.length;
    },
  };
}

/** Asks the service, and says what came of it. Asks the presenter for the token if need be. */
async function request(method, path, content, done) {
  const response = await send(method, path, content);
  if (response?.status === 401) {
    if (await login()) await request(method, path, content, done);
    return;
  }
  const problem = response?.ok ? "" : ((await response?.json().catch(() => null))?.detail ?? "");
  get("answer").textContent = response?.ok ? text(done) : `${text("not done")} ${problem}`;
}

async function login() {
  const dialog = get("login");
  const wrong = dialog.querySelector(".wrong");
  const input = dialog.querySelector("input");
  wrong.textContent = "";
  while ((await answerOf(dialog)) === "ok") {
    const response = await send("POST", "login", { token: input.value });
    input.value = "";
    if (response?.ok) return true;
    wrong.textContent = text(response?.status === 401 ? "wrong token" : "not done");
  }
  return false;
}

/** Shows a dialog, and returns the value of the button that closed it. */
function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

function send(method, path, content) {
  const headers = { "content-type": "application/json" };
  const body = content && JSON.stringify(content);
  return fetch(`/system/${path}`, { method, headers, body }).catch(() => null);
}
