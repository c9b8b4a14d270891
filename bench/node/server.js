// A Socket.IO server. It prints its port, and sends each line of stdin to all clients. It then
// prints when it began to (seconds, monotonic).
"use strict";

const http = require("node:http");
const readline = require("node:readline");
const { Server } = require("socket.io");

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const began = Number(process.hrtime.bigint()) / 1e9;
  io.emit("scores", line);
  console.log(began);
});
