#!lua flags=allow-oom
-- Forgets the first ARGV[1] claimed messages, which are committed, and buries ARGV[3], ARGV[4], …,
-- keeping the newest ARGV[2] dead letters. Only a worker with a heartbeat may: without one, another
-- worker may have put them back, and what is claimed now would be something else.
-- KEYS: the worker's claimed list, the worker's heartbeat, the dead letters
if redis.call('EXISTS', KEYS[2]) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this worker has run out')
end
for index = 3, #ARGV do
  redis.call('LPUSH', KEYS[3], ARGV[index])
end
if #ARGV > 2 then
  redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[2]) - 1)
end
redis.call('LTRIM', KEYS[1], ARGV[1], -1)
return redis.status_reply('OK')
