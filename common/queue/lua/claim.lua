#!lua flags=allow-oom
-- Moves up to `limit` messages from the head of the queue to the end of the claimed list, and returns
-- them. Stops earlier after `budget` bytes: each message is in memory several times while the script
-- runs. Only a session with a heartbeat may claim.
local votes, claimed, heartbeat, last_stamp = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, budget, max_length = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

if redis.call('EXISTS', heartbeat) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this session has expired')
end

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]  -- in µs
local latest = now + tonumber(ARGV[4])

-- Time for the next message that needs one. No two messages get the same, and it never goes back, so
-- that of two messages of one voter the later one always wins.
local stamp
local function next_stamp()
  if not stamp then
    stamp = math.max(now, tonumber(redis.call('GET', last_stamp) or 0))
  end
  stamp = stamp + 1
  return string.format('%.0f', stamp)
end

local messages, bytes = {}, 0
while #messages < limit and bytes < budget do
  local message = redis.call('LMOVE', votes, claimed, 'LEFT', 'RIGHT')
  if not message then
    break
  end
  bytes = bytes + #message
  local changed
  if #message > max_length then
    -- It is no ballot, and its beginning is enough for the dead letter. One byte too many shows that
    -- it was too long.
    changed = string.sub(message, 1, max_length + 1)
  elseif string.find(message, '"voter_id"', 1, true)
      and not string.find(message, '"cast_at"', 1, true) then
    -- A classic message gets a time. The claimed list keeps it, in case the message is requeued.
    changed = string.gsub(message, '}%s*$', ',"cast_at":' .. next_stamp() .. '}')
  elseif tonumber(string.match(message, '"cast_at"%s*:%s*(%d+)') or 0) > latest then
    -- No later choice of this voter would count. It gets a time as a classic message does.
    changed = string.gsub(message, '("cast_at"%s*:%s*)%d+', '%1' .. next_stamp())
  end
  if changed then
    redis.call('LSET', claimed, -1, changed)
  end
  messages[#messages + 1] = changed or message
end

if stamp then
  redis.call('SET', last_stamp, string.format('%.0f', stamp))
end
return messages
