#!lua flags=allow-oom
-- Moves up to ARGV[1] messages from the head of the queue to the end of the worker's claimed list,
-- all or none of it seen by others, and returns them. Only a worker with a heartbeat may claim.
-- KEYS: the queue, the worker's claimed list, the worker's heartbeat, the last stamp
if redis.call('EXISTS', KEYS[3]) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this worker has run out')
end

local messages = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
if #messages == 0 then
  return messages
end

-- The classic message has no time: it gets that of its first claim, here and in the claimed list,
-- so that it keeps it when it is delivered again. No two get the same, so that also a voter's later
-- one counts when the two come again in different batches. Whole microseconds fit a double.
local stamp
for index, message in ipairs(messages) do
  if not string.find(message, '"cast_at"', 1, true) and string.find(message, '"voter_id"', 1, true) then
    if not stamp then
      local clock = redis.call('TIME')
      stamp = math.max(clock[1] * 1000000 + clock[2], (tonumber(redis.call('GET', KEYS[4]) or 0)))
    end
    stamp = stamp + 1
    messages[index] = string.gsub(message, '}%s*$', string.format(',"cast_at":%.0f}', stamp))
  end
end
if stamp then
  redis.call('SET', KEYS[4], string.format('%.0f', stamp))
end

-- unpack() takes about 8,000 values at most
for first = 1, #messages, 5000 do
  redis.call('RPUSH', KEYS[2], unpack(messages, first, math.min(first + 4999, #messages)))
end
redis.call('LTRIM', KEYS[1], #messages, -1)
return messages
