-- One row a voter; an older ballot, or the same one again, changes nothing.
-- $1 ids, sorted, each once; $2 votes; $3 cast_at in µs since the epoch; each array as text
INSERT INTO votes (id, vote, cast_at)
SELECT given.id, given.vote, timestamptz 'epoch' + given.cast_at * interval '1 microsecond'
FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[]) AS given (id, vote, cast_at)
ON CONFLICT (id) DO UPDATE
SET vote = excluded.vote, cast_at = excluded.cast_at
WHERE excluded.cast_at > votes.cast_at
