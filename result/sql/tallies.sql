-- The voters of each option in one poll, with those whose votes have no poll and count in every one.
-- $1: the poll revision
SELECT vote, sum(voters)::bigint
FROM poll_tallies
WHERE poll IN ('', $1)
GROUP BY vote
