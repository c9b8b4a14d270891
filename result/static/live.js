// The live channel: events of the result service, and a new connection when this one is silent.

import { io } from "./vendor/socket.io.esm.min.js";

const TIMEOUT = 10_000; // ms for an attempt to connect
const SILENCE = 4_500; // ms without a message, where one comes every second, then we reconnect
const INTERVAL = 500; // ms between two looks at the clock

/**
 * Calls `handlers[event](content, at)` for each event, and `handlers.tick()` twice a second.
 * `auth` says to the service which page listens.
 */
export function connect({ tick, ...handlers }, auth) {
  let heard = Date.now(); // when the server last sent something, or we called it
  const socket = io({
    auth,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    timeout: TIMEOUT,
    reconnectionDelay: 250,
    reconnectionDelayMax: 3_000,
  });
  const reconnect = () => {
    heard = Date.now();
    socket.disconnect().connect();
  };
  /** A connection that is silent is given up: a device that slept has one like this. */
  const check = () => {
    if (socket.connected && Date.now() - heard > SILENCE) reconnect();
  };

  socket.on("connect", () => {
    heard = Date.now();
  });
  for (const [event, handle] of Object.entries(handlers)) {
    socket.on(event, (content) => {
      heard = Date.now();
      handle(content, heard);
    });
  }
  socket.on("disconnect", (reason) => {
    // The library reconnects by itself, unless the server has ended the connection.
    if (reason === "io server disconnect") socket.connect();
  });
  socket.io.on("error", () => {
    // What failed last is tried last. A proxy may accept a WebSocket, and then let nothing through.
    const { name } = socket.io.engine.transport;
    socket.io.opts.transports = name === "websocket" ? ["polling", name] : ["websocket", name];
  });
  setInterval(() => {
    check();
    tick();
  }, INTERVAL);
  document.addEventListener("visibilitychange", () => document.hidden || check());
  addEventListener("online", reconnect);
  addEventListener("pageshow", (event) => event.persisted && reconnect());
}
