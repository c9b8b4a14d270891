// The live channel: from the result service to the board and the strip.

import { io } from "./vendor/socket.io.esm.min.js";
import { Board } from "./board.js";
import { countDown, skewOf } from "./countdown.js";
import { startPresenter } from "./present.js";
import { reloadSoon } from "./reload.js";
import { Strip } from "./strip.js";

const TIMEOUT = 10_000; // ms for an attempt to connect
const SILENCE = 4_500; // ms without a message, where one comes every second, then we reconnect
const INTERVAL = 500; // ms between two looks at the clock

const main = document.querySelector("main");
const closesAt = Number(main.dataset.closesAt) || null;
let skew = skewOf(Number(main.dataset.now)); // ms, the server's clock minus ours
let heard = Date.now(); // when the server last sent something, or we called it
let isFinal = "final" in main.dataset;
const board = new Board(main);
const strip = new Strip(main, () => skew);

const socket = io({
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  timeout: TIMEOUT,
  reconnectionDelay: 250,
  reconnectionDelayMax: 3_000,
});

socket.on("connect", () => {
  heard = Date.now();
});
socket.on("scores", (scores) => {
  heard = Date.now();
  board.draw(JSON.parse(scores));
  strip.confirm(heard);
});
socket.on("pipeline", (pipeline) => {
  heard = Date.now();
  skew = pipeline.now - heard;
  isFinal = pipeline.final;
  strip.update(pipeline, heard);
  settle();
  if (pipeline.poll !== main.dataset.poll || pipeline.closes_at !== closesAt) reloadSoon();
});
socket.on("disconnect", (reason) => {
  // The library reconnects by itself, unless the server has ended the connection.
  if (reason === "io server disconnect") socket.connect();
});
socket.io.on("error", () => {
  // What failed last is tried last. A proxy may accept a WebSocket, and then let nothing through.
  const { name } = socket.io.engine.transport;
  socket.io.opts.transports = name === "websocket" ? ["polling", name] : ["websocket", name];
});

function reconnect() {
  heard = Date.now();
  socket.disconnect().connect();
}

/** A connection that is silent is given up: a device that slept has one like this. */
function check() {
  if (socket.connected && Date.now() - heard > SILENCE) reconnect();
}

/** After closing, the result is final once the server knows that no vote is on its way. */
function settle() {
  if (closesAt !== null && Date.now() + skew >= closesAt) board.settle(isFinal, strip.left);
}

setInterval(() => {
  check();
  strip.draw();
}, INTERVAL);
document.addEventListener("visibilitychange", () => document.hidden || check());
addEventListener("online", reconnect);
addEventListener("pageshow", (event) => event.persisted && reconnect());

if (closesAt) {
  countDown(document.getElementById("closing"), closesAt, () => skew, settle);
}
startPresenter(document.getElementById("present"));
