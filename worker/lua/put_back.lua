#!lua flags=allow-oom
-- Ends the life of a worker, and puts what it has claimed back at the head of the queue, in order,
-- the last first, until ARGV[3] bytes are moved: each is in the memory several times meanwhile.
-- Once nothing is left, the worker is signed off. Returns how many messages were moved, and how many
-- are left. With ARGV[1] = 'if dead', only when it has no heartbeat; else it returns -1 and 0.
-- KEYS: the queue, the worker's claimed list, the worker's heartbeat, the names of the workers
-- ARGV: 'if dead' or 'always', the worker's name, the bytes
if ARGV[1] == 'if dead' and redis.call('EXISTS', KEYS[3]) == 1 then
  return {-1, 0}
end
redis.call('DEL', KEYS[3])
-- As in claim.lua: few are read at a time, and one at a time where they are long.
local MOST_AT_ONCE, LONG = 4, 4096
local budget, bytes, moved, at_once = tonumber(ARGV[3]), 0, 0, 1
local left = redis.call('LLEN', KEYS[2])
while left > 0 and bytes < budget do
  local slice = redis.call('LRANGE', KEYS[2], -at_once, -1)
  local turned, length = {}, 0
  for index = #slice, 1, -1 do
    turned[#turned + 1] = slice[index]
    length = length + #slice[index]
  end
  redis.call('LPUSH', KEYS[1], unpack(turned))
  redis.call('LTRIM', KEYS[2], 0, -#slice - 1)
  left, moved, bytes = left - #slice, moved + #slice, bytes + length
  at_once = length > LONG * #slice and 1 or math.min(2 * at_once, MOST_AT_ONCE)
end
if left == 0 then
  redis.call('SREM', KEYS[4], ARGV[2])
end
return {moved, left}
