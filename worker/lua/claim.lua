#!lua flags=allow-oom
-- Moves up to ARGV[1] messages from the head of the queue to the end of the worker's claimed list,
-- all or none of it seen by others, and returns them. It ends early once it has read ARGV[2] bytes,
-- and of a message longer than ARGV[3] bytes, which is no ballot, it moves one byte more than that:
-- what waits may fill the memory, and each message read here is there several times meanwhile.
-- Only a worker with a heartbeat may claim.
-- KEYS: the queue, the worker's claimed list, the worker's heartbeat, the last stamp
if redis.call('EXISTS', KEYS[3]) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this worker has run out')
end
local most, budget, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local call, find, gsub = redis.call, string.find, string.gsub

-- How long a message is can only be told once it is read. So they are read few at a time, and one
-- at a time where they are long.
local MOST_AT_ONCE = 4
local messages, count, bytes, at_once, has_cut = {}, 0, 0, 1, false
local stamp
while count < most and bytes < budget do
  local slice = call('LRANGE', KEYS[1], count, math.min(count + at_once, most) - 1)
  if #slice == 0 then
    break
  end
  at_once = math.min(2 * at_once, MOST_AT_ONCE)
  for index = 1, #slice do
    local message = slice[index]
    local length = #message
    bytes = bytes + length
    if length > longest then
      message = string.sub(message, 1, longest + 1)
      at_once, has_cut = 1, true
    -- The classic message has no time: it gets that of its first claim, here and in the claimed
    -- list, so that it keeps it when it is delivered again. No two get the same, so that also a
    -- voter's later one counts when the two come again in different batches. Whole microseconds fit
    -- a double.
    elseif not find(message, '"cast_at"', 1, true) and find(message, '"voter_id"', 1, true) then
      if not stamp then
        local clock = call('TIME')
        stamp = math.max(clock[1] * 1000000 + clock[2], (tonumber(call('GET', KEYS[4]) or 0)))
      end
      stamp = stamp + 1
      message = gsub(message, '}%s*$', string.format(',"cast_at":%.0f}', stamp))
    end
    count = count + 1
    messages[count] = message
  end
end
if count == 0 then
  return messages
end
if has_cut then
  collectgarbage() -- else what was cut off stays for many claims
end
if stamp then
  call('SET', KEYS[4], string.format('%.0f', stamp))
end

-- unpack() takes about 8,000 values at most
for first = 1, count, 5000 do
  call('RPUSH', KEYS[2], unpack(messages, first, math.min(first + 4999, count)))
end
call('LTRIM', KEYS[1], count, -1)
return messages
