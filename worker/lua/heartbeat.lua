#!lua flags=allow-oom
-- Renews the heartbeat of a session. Returns the lengths of the queue, of the session's claimed list
-- and of the dead letters.
local heartbeat, sessions, votes, claimed, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local name, status, ttl = ARGV[1], ARGV[2], ARGV[3]

if redis.call('EXISTS', heartbeat) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this session has expired')
end
redis.call('SADD', sessions, name)  -- again, in case somebody has deleted the set
redis.call('SET', heartbeat, status, 'EX', ttl)
return {redis.call('LLEN', votes), redis.call('LLEN', claimed), redis.call('LLEN', dead)}
