#!lua flags=allow-oom
-- Puts what a worker has claimed back at the head of the queue, in order, and signs the worker off.
-- With ARGV[1] = 'if dead', only when it has no heartbeat. Returns how many messages, or -1.
-- KEYS: the queue, the worker's claimed list, the worker's heartbeat, the names of the workers
-- ARGV: 'if dead' or 'always', the worker's name
if ARGV[1] == 'if dead' and redis.call('EXISTS', KEYS[3]) == 1 then
  return -1
end
local messages = redis.call('LRANGE', KEYS[2], 0, -1)
local last = #messages
while last > 0 do
  local first = math.max(1, last - 4999)
  local chunk = {}
  for index = last, first, -1 do
    chunk[#chunk + 1] = messages[index]
  end
  redis.call('LPUSH', KEYS[1], unpack(chunk))
  last = first - 1
end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('SREM', KEYS[4], ARGV[2])
return #messages
