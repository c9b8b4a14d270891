#!lua flags=allow-oom
-- Removes the first `count` messages of the claimed list, which are committed, and keeps the newest
-- `max_dead` dead letters. Only a session with a heartbeat may do this: otherwise another worker may have
-- requeued these messages, and their dead letters would be there twice.
--
-- A failover to a replica can undo a claim while the heartbeat stays. Then other messages may be at the
-- head of the list, which are not committed. So the last of the messages must be `last`.
local claimed, heartbeat, dead = KEYS[1], KEYS[2], KEYS[3]
local count, last, max_dead = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

if redis.call('EXISTS', heartbeat) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this session has expired')
end
if redis.call('LINDEX', claimed, count - 1) ~= last then
  return redis.error_reply('CLAIMLOST a failover has undone the claim of this batch')
end
for index = 4, #ARGV do
  redis.call('LPUSH', dead, ARGV[index])
end
if #ARGV > 3 then
  redis.call('LTRIM', dead, 0, max_dead - 1)
end
redis.call('LTRIM', claimed, count, -1)
return redis.status_reply('OK')
