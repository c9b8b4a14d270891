-- Counts all tallies again, in one transaction. The lock is the first statement, so that the count sees
-- what was committed while this waited, also if the isolation level is REPEATABLE READ.
LOCK TABLE votes IN SHARE ROW EXCLUSIVE MODE;

DELETE FROM tally_shards;
INSERT INTO tally_shards (poll, vote, shard, voters)
SELECT poll, vote, 0, count(*) FROM votes GROUP BY poll, vote;

NOTIFY tallies;
