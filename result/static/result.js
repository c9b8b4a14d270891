// The result page: brings the events of the live channel to the board and the strip.

import { Board } from "./board.js";
import { countDown, skewOf } from "./countdown.js";
import { connect } from "./live.js";
import { startPresenter } from "./present.js";
import { reloadSoon } from "./reload.js";
import { Strip } from "./strip.js";

const main = document.querySelector("main");
const closesAt = Number(main.dataset.closesAt) || null;
let skew = skewOf(Number(main.dataset.now)); // ms, the server's clock minus ours
let isFinal = "final" in main.dataset;
const board = new Board(main);
const strip = new Strip(main, () => skew);

/** After closing, the result is final once the server knows that no vote is on its way. */
function settle() {
  if (closesAt !== null && Date.now() + skew >= closesAt) board.settle(isFinal, strip.left);
}

connect({
  scores(scores, at) {
    board.draw(JSON.parse(scores));
    strip.confirm(at);
  },
  pipeline(pipeline, at) {
    skew = pipeline.now - at;
    isFinal = pipeline.final;
    strip.update(pipeline, at);
    settle();
    const { poll, text } = main.dataset;
    const isOutdated = pipeline.poll !== poll || (pipeline.text ?? text) !== text; // old: no text
    if (isOutdated || pipeline.closes_at !== closesAt) reloadSoon();
  },
  tick: () => strip.draw(),
});

if (closesAt) {
  countDown(document.getElementById("closing"), closesAt, () => skew, settle);
}
startPresenter(document.getElementById("present"));
