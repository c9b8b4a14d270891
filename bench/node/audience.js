// Many browsers in one process: node audience.js PORT COUNT. It prints how many are connected. For
// each line of stdin it prints 0, and later when the last one got the next scores (seconds,
// monotonic).
"use strict";

const readline = require("node:readline");
const WebSocket = require("ws");

const PARALLEL = 100; // connections that are being opened at the same time
const [port, count] = process.argv.slice(2).map(Number);
const url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;
let begun = 0;
let connected = 0;
let heard = count; // the events of the connection do not count

function connect() {
  if (begun === count) return;
  begun += 1;
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  socket.on("message", (data) => {
    const message = data.toString();
    if (message.startsWith("0")) {
      socket.send("40"); // opened: join the namespace
    } else if (message === "2") {
      socket.send("3"); // Engine.IO's ping
    } else if (message.startsWith("40")) {
      connected += 1;
      if (connected === count) console.log(connected);
      connect();
    } else if (message.startsWith('42["scores"')) {
      heard += 1;
      if (heard === count) console.log(Number(process.hrtime.bigint()) / 1e9);
    }
  });
}

for (let number = 0; number < Math.min(PARALLEL, count); number += 1) connect();
readline.createInterface({ input: process.stdin }).on("line", () => {
  heard = 0;
  console.log(0);
});
