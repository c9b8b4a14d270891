#!lua flags=allow-oom
-- Prolongs the life of a worker and returns the lengths of the queue, of what it has claimed, and of
-- the dead letters. The flag: when the memory is full, Redis refuses every command that may need
-- some, and only a worker can make room. So all that workers write is written by scripts with it.
-- KEYS: the worker's heartbeat, the names of the workers, the queue, the worker's claimed list, the
-- dead letters
-- ARGV: as in sign_on.lua
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this worker has run out')
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return {redis.call('LLEN', KEYS[3]), redis.call('LLEN', KEYS[4]), redis.call('LLEN', KEYS[5])}
