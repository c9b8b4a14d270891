#!lua flags=allow-oom
-- Registers a session. From now on it may claim.
--
-- allow-oom: when Redis is out of memory, it refuses every command that may need some. Only a worker
-- can free memory, so all scripts of the worker may run.
local heartbeat, sessions = KEYS[1], KEYS[2]
local name, owner, ttl = ARGV[1], ARGV[2], ARGV[3]

redis.call('SADD', sessions, name)
redis.call('SET', heartbeat, owner, 'PX', ttl)
return redis.status_reply('OK')
