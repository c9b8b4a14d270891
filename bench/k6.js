// Casts votes at a steady rate with k6 (https://k6.io), and fails if one is not recorded or is slow:
//
//   k6 run -e VOTE_URL=http://localhost:8080 -e RATE=50 -e DURATION=1m bench/k6.js
//
// docs/test-a-platform.md explains it.
import { check } from "k6";
import http from "k6/http";

const url = __ENV.VOTE_URL || "http://localhost:8080";
const votes = ["a", "a", "b"];

export const options = {
  scenarios: {
    voters: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE || 50),
      timeUnit: "1s",
      duration: __ENV.DURATION || "1m",
      preAllocatedVUs: 50,
      maxVUs: 500,
    },
  },
  thresholds: {
    checks: ["rate==1"],
    dropped_iterations: ["count==0"],
    http_req_duration: [`p(99)<${__ENV.P99 || 500}`], // ms
  },
};

// k6 deletes the cookies of a virtual user after each iteration, so each iteration is another voter.
export default function () {
  http.get(url);
  const vote = votes[__ITER % votes.length];
  const answer = http.post(url, { vote }, { redirects: 0 });
  check(answer, { "the vote is recorded": ({ status }) => status === 303 });
}
