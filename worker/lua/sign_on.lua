#!lua flags=allow-oom
-- Makes a worker known: from now on it may claim. See beat.lua for the flag.
-- KEYS: the worker's heartbeat, the names of the workers
-- ARGV: the worker's name, its status, the seconds that the heartbeat lives
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return redis.status_reply('OK')
