// The live channel: from the result service to the board and the strip.

import { io } from "./vendor/socket.io.esm.min.js";
import { Board } from "./board.js";
import { countDown, skewOf } from "./countdown.js";
import { startPresenter } from "./present.js";
import { renew } from "./renew.js";
import { Strip } from "./strip.js";

const SILENCE = 4_500; // ms without a word, where one comes every second, then we reconnect
const LONGEST = 20_000; // ms that an attempt to connect may take: a slow line needs its time
const SHORTEST = 5_000; // ms for the first attempt after a loss; each further one may take longer
const SET = 2_000; // ms between two measures of the server's clock: then a clock was set
const LOOK = 250; // ms between two looks at the clock
const FIRST_RETRY = 250; // ms
const LAST_RETRY = 3_000; // ms

const TRANSPORTS = ["websocket", "polling"]; // the first is tried first

const main = document.querySelector("main");
const board = new Board(main);
const closesAt = Number(main.dataset.closesAt) || null;
let skew = skewOf(Number(main.dataset.now)); // the server's clock minus ours
const strip = new Strip(main, () => skew);
let heard = Date.now(); // when the server last said something, or we began to call it
let patience = LONGEST; // ms for the attempt to connect that runs
let isFinal = "final" in main.dataset;

const socket = io({
  transports: [...TRANSPORTS],
  tryAllTransports: true,
  reconnectionDelay: FIRST_RETRY,
  reconnectionDelayMax: LAST_RETRY,
  timeout: false, // check() has the clock
});

socket.on("connect", () => {
  heard = Date.now();
  patience = SHORTEST;
});
socket.on("scores", (scores) => {
  heard = Date.now();
  board.draw(JSON.parse(scores));
  strip.shown(heard);
});
socket.on("pipeline", (pipeline) => {
  heard = Date.now();
  const measured = pipeline.now - heard;
  // A message that took its time measures too little: what was most holds, until a clock is set.
  skew = Math.abs(measured - skew) < SET ? Math.max(measured, skew) : measured;
  isFinal = pipeline.final;
  strip.update(pipeline, heard);
  settle();
  // Another question, other options, or another end than this page was drawn with.
  if (pipeline.poll !== main.dataset.poll || pipeline.closes_at !== closesAt) renew();
});
socket.on("disconnect", (reason) => {
  strip.connection(false);
  // What the connection was by is tried first: where polling alone gets through, it comes back at
  // once. From polling the library goes on to a WebSocket, wherever there is a way for one.
  if (socket.io.engine.transport.name === TRANSPORTS[0]) socket.io.opts.transports = [...TRANSPORTS];
  heard = Date.now();
  // The server said goodbye: the library does not come back by itself then.
  if (reason === "io server disconnect") socket.connect();
});
socket.io.on("error", () => {
  strip.connection(false);
  heard = Date.now(); // refused, and not hung: with the next attempt the wait begins anew
});

function reconnect() {
  strip.connection(false);
  heard = Date.now();
  socket.disconnect().connect();
}

/**
 * Whether what hangs is a WebSocket that was tried since polling, the first, was refused: as from
 * a proxy that lets it in while the service is away. Polling stays the first then.
 */
function isAfterRefusal() {
  const [first] = socket.io.opts.transports;
  return first === "polling" && socket.io.engine.transport.name === "websocket";
}

/** A connection that went silent is given up: a device that slept has one like this. */
function check() {
  if (Date.now() - heard <= (socket.connected ? SILENCE : patience)) return;
  if (!socket.connected && !isAfterRefusal()) {
    patience = Math.min(2 * patience, LONGEST);
    // A proxy that lets a WebSocket in, and then nothing through it, may let polling through.
    socket.io.opts.transports.reverse();
  }
  reconnect();
}

/** After closing, the result is final once the server says that nothing is on its way any more. */
function settle() {
  if (closesAt !== null && Date.now() + skew >= closesAt) board.settle(isFinal, strip.left);
}

setInterval(() => {
  check();
  strip.draw();
}, LOOK);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) check();
});
addEventListener("online", reconnect);
addEventListener("offline", () => strip.connection(false));
addEventListener("pageshow", (event) => {
  if (event.persisted) reconnect();
});

if (closesAt) {
  countDown(document.getElementById("closing"), closesAt, () => skew, settle);
}
startPresenter(document.getElementById("present"));
