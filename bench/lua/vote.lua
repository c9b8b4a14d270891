-- Votes as a browser without a cookie sends them; at the end, one line of JSON.
-- wrk … URL -- OPTION DELAY_MS
-- Without an option it asks for the page instead.

function init(args)
  wrk.headers["sec-fetch-site"] = "same-origin"
  if args[1] == "" then
    wrk.headers["accept-encoding"] = "gzip"
  else
    wrk.method = "POST"
    wrk.headers["content-type"] = "application/x-www-form-urlencoded"
    wrk.body = "vote=" .. args[1]
  end
  local milliseconds = tonumber(args[2])
  if milliseconds > 0 then
    -- Half to one and a half times of it. One and the same would keep all connections in step:
    -- their votes would come together each time, as the votes of people do not.
    function delay() return math.random(milliseconds * 0.5, milliseconds * 1.5) end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "rate": %.3f, "p50": %.4f, "p99": %.4f, "errors": %d}\n',
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
