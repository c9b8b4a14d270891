-- Sends what bench/request.py has made of a browser; at the end, one line of JSON.
-- wrk … URL -- DELAY_MS MEDIA_TYPE BODY [COOKIE…]
-- Without a body it asks for the page. Each cookie has its turn.

function init(args)
  local milliseconds, media_type, body = tonumber(args[1]), args[2], args[3]
  wrk.headers["sec-fetch-site"] = "same-origin"
  if body == "" then
    wrk.headers["accept-encoding"] = "gzip"
  else
    wrk.method = "POST"
    wrk.headers["content-type"] = media_type
    wrk.body = body
  end
  if #args > 3 then
    local made, turn = {}, 0
    for number = 4, #args do
      wrk.headers["cookie"] = args[number]
      made[number - 3] = wrk.format()
    end
    function request()
      turn = turn % #made + 1
      return made[turn]
    end
  end
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
