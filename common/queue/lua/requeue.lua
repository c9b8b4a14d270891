#!lua flags=allow-oom
-- Ends a session: moves what it has claimed back to the head of the queue, the last message first, so
-- that the order stays, until `budget` bytes are moved. Removes the session when nothing is left.
-- Returns how many messages were moved and how many are left; -1 and 0 if `condition` is 'if dead'
-- and the session has a heartbeat.
local votes, claimed, heartbeat, sessions = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local condition, name, budget = ARGV[1], ARGV[2], tonumber(ARGV[3])

if condition == 'if dead' and redis.call('EXISTS', heartbeat) == 1 then
  return {-1, 0}
end
redis.call('DEL', heartbeat)

local moved, bytes = 0, 0
while bytes < budget do
  local message = redis.call('LMOVE', claimed, votes, 'RIGHT', 'LEFT')
  if not message then
    break
  end
  moved, bytes = moved + 1, bytes + #message
end

local left = redis.call('LLEN', claimed)
if left == 0 then
  redis.call('SREM', sessions, name)
end
return {moved, left}
