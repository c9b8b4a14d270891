-- Stores a batch: one row per voter. An older ballot, or the same one again, changes nothing.
-- $1: a JSON array of ballots, sorted by voter, one per voter. `cast_at` is in µs since the epoch.
INSERT INTO votes (id, vote, cast_at, poll)
SELECT voter_id, vote, timestamptz 'epoch' + cast_at * interval '1 microsecond', coalesce(poll, '')
FROM jsonb_to_recordset($1::jsonb) AS ballot (voter_id text, vote text, cast_at bigint, poll text)
ON CONFLICT (id) DO UPDATE
SET vote = excluded.vote, cast_at = excluded.cast_at, poll = excluded.poll
WHERE excluded.cast_at > votes.cast_at
