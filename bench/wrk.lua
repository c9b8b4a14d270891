-- Posts one form again and again, with each of the cookies in turn. At the end, one line of JSON.
-- wrk … URL -- ACCEPT FORM [COOKIE…]

local requests, turn = {}, 0

function init(args)
  wrk.method = "POST"
  wrk.headers["accept"] = args[1]
  wrk.headers["content-type"] = "application/x-www-form-urlencoded"
  wrk.headers["sec-fetch-site"] = "same-origin"
  wrk.body = args[2]
  for number = 3, math.max(3, #args) do
    wrk.headers["cookie"] = args[number]
    table.insert(requests, wrk.format())
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "rate": %.3f, "p99": %.4f, "errors": %d}\n',
    summary.requests, summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
