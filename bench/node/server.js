// A Socket.IO server of Node.js, told on stdin what to send to all. It says {"port": …}, then for
// each line {"sent": …}: when it began (s, monotonic).
"use strict";

const http = require("node:http");
const readline = require("node:readline");
const { Server } = require("socket.io");

const say = (content) => process.stdout.write(JSON.stringify(content) + "\n");

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });

server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const began = Number(process.hrtime.bigint()) / 1e9;
  io.emit("scores", line);
  say({ sent: began });
});
