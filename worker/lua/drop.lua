#!lua flags=allow-oom
-- Drops the first `count` messages of the claimed list, which are committed, and keeps the newest
-- `max_dead` dead letters. Only a session with a heartbeat may drop: otherwise another worker may have
-- requeued these messages, and their dead letters would be there twice.
local claimed, heartbeat, dead = KEYS[1], KEYS[2], KEYS[3]
local count, max_dead = ARGV[1], tonumber(ARGV[2])

if redis.call('EXISTS', heartbeat) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this session has expired')
end
for index = 3, #ARGV do
  redis.call('LPUSH', dead, ARGV[index])
end
if #ARGV > 2 then
  redis.call('LTRIM', dead, 0, max_dead - 1)
end
redis.call('LTRIM', claimed, count, -1)
return redis.status_reply('OK')
