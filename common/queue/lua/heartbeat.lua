#!lua flags=allow-oom
-- Renews the heartbeat of a session. Returns the lengths of the queue, of the session's claimed list
-- and of the dead letters, and the names of the sessions without a heartbeat.
--
-- The renewal is all that Redis writes to its log, so an idle worker costs little.
local heartbeat, sessions, votes, claimed, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local name, ttl, prefix = ARGV[1], ARGV[2], ARGV[3]

if redis.call('PEXPIRE', heartbeat, ttl) == 0 then
  return redis.error_reply('NOHEARTBEAT the heartbeat of this session has expired')
end

local is_known, ended = false, {}
for _, each in ipairs(redis.call('SMEMBERS', sessions)) do
  if each == name then
    is_known = true
  elseif redis.call('EXISTS', prefix .. each) == 0 then
    ended[#ended + 1] = each
  end
end
if not is_known then
  redis.call('SADD', sessions, name)  -- somebody has deleted the set
end
return {redis.call('LLEN', votes), redis.call('LLEN', claimed), redis.call('LLEN', dead), ended}
