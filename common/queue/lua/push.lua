-- Appends ballots to the queue unless the poll is over by Redis's clock. Returns 0 if it is over.
-- KEYS: the queue. ARGV: the last moment (µs since the epoch), then the ballots.
local time = redis.call('TIME')
if time[1] * 1000000 + time[2] > tonumber(ARGV[1]) then
    return 0
end
return redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
