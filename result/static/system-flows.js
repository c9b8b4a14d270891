// What moves between the boxes: dots along the arrows, and votes that go back to the queue.

const FLIGHT = 2_500; // ms

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Lets the dots of each arrow run as fast as its source does: rates per second, by source. */
export function setSpeeds(rates) {
  for (const flow of document.querySelectorAll(".flow")) {
    const rate = rates[flow.dataset.source] ?? 0;
    flow.toggleAttribute("data-moving", rate > 0);
    // The logarithm keeps one vote per second visible, and a thousand within what eyes can follow.
    const motions = flow.querySelector(".dots").getAnimations();
    const run = motions.find((each) => each instanceof CSSAnimation);
    run?.updatePlaybackRate(Math.log2(1 + rate) / 2);
  }
}

/** Lets `words` fly from one element to another. */
export function fly(words, from, to) {
  if (calm.matches || document.hidden) return;
  const token = document.createElement("span");
  token.className = "flight";
  token.textContent = words;
  document.querySelector(".diagram").append(token);
  const flight = token.animate([{ transform: middle(from) }, { transform: middle(to) }], {
    duration: FLIGHT,
    easing: "cubic-bezier(0.4, 0, 0.2, 1)",
  });
  flight.finished.finally(() => token.remove());
}

function middle(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return `translate(${left + width / 2}px, ${top + height / 2}px) translate(-50%, -50%)`;
}
