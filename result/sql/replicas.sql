-- How many servers follow this one. Without pg_read_all_stats, the state is hidden (null): then a
-- server that still copies the data counts, too.
SELECT count(*) FROM pg_stat_replication WHERE coalesce(state, 'streaming') = 'streaming'
