#!lua flags=allow-oom
-- Renews the heartbeat of a session. Returns the lengths of the queue, of the session's claimed list
-- and of the dead letters.
local heartbeat, sessions, votes, claimed, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local name, ttl = ARGV[1], ARGV[2]

if redis.call('PEXPIRE', heartbeat, ttl) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this session has expired')
end
redis.call('SADD', sessions, name)  -- again, in case somebody has deleted the set
return {redis.call('LLEN', votes), redis.call('LLEN', claimed), redis.call('LLEN', dead)}
