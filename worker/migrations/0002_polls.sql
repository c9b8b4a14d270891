-- The poll of each vote, and tallies by poll and option. No row is rewritten or counted, so writers wait
-- for a moment only, with any number of rows.

SELECT set_config('search_path', format('%I, pg_temp', current_schema()), true);

-- The poll revision that the voter saw. Empty in the rows that are there, and if the writer knows of no
-- polls: then the vote counts in each.
DO $$
DECLARE
    has_polls CONSTANT bool := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'votes'::regclass AND attname = 'poll'
    );
BEGIN
    ALTER TABLE votes ADD COLUMN IF NOT EXISTS poll text NOT NULL DEFAULT '';
    ALTER TABLE tally_shards
        ADD COLUMN IF NOT EXISTS poll text NOT NULL DEFAULT '',
        DROP CONSTRAINT IF EXISTS tally_shards_pkey,
        ADD PRIMARY KEY (poll, vote, shard);
    IF has_polls THEN  -- somebody has dropped tables, and the first migration has counted without polls
        DELETE FROM tally_shards;
        INSERT INTO tally_shards (poll, vote, shard, voters)
        SELECT poll, vote, 0, count(*) FROM votes GROUP BY poll, vote;
    END IF;
END
$$;

-- The view `tallies` stays, for version 0.2: the voters of each option in all polls together.
CREATE OR REPLACE VIEW poll_tallies AS
SELECT poll, vote, sum(voters)::bigint AS voters
FROM tally_shards
GROUP BY poll, vote
HAVING sum(voters) <> 0;

-- As before, but by poll and option.
CREATE OR REPLACE FUNCTION tally_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    polls text[];
    options text[];
    changes bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(poll), array_agg(vote), array_agg(voters) INTO polls, options, changes
        FROM (SELECT poll, vote, count(*) AS voters FROM added GROUP BY poll, vote) AS change;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(poll), array_agg(vote), array_agg(voters) INTO polls, options, changes
        FROM (SELECT poll, vote, -count(*) AS voters FROM removed GROUP BY poll, vote) AS change;
    ELSE
        SELECT array_agg(poll), array_agg(vote), array_agg(voters) INTO polls, options, changes
        FROM (
            SELECT poll, vote, sum(voters) AS voters
            FROM (
                SELECT poll, vote, count(*) AS voters FROM added GROUP BY poll, vote
                UNION ALL
                SELECT poll, vote, -count(*) FROM removed GROUP BY poll, vote
            ) AS counted
            GROUP BY poll, vote
            HAVING sum(voters) <> 0
        ) AS change;
    END IF;
    IF options IS NOT NULL THEN
        INSERT INTO tally_shards AS kept (poll, vote, shard, voters)
        SELECT change.poll, change.vote, taken.shard, change.voters
        FROM tally_take_shard() AS taken (shard),
            unnest(polls, options, changes) AS change (poll, vote, voters)
        ON CONFLICT (poll, vote, shard) DO UPDATE SET voters = kept.voters + excluded.voters;
        NOTIFY tallies;
    END IF;
    RETURN NULL;
END
$$;

-- The workers of version 0.2 and of the classic app update `vote` without `poll`: then the new vote has
-- no poll. Only triggers on the column `poll` know whether a statement sets it, so they note it for the
-- trigger of the rows.
CREATE OR REPLACE FUNCTION poll_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('votes.sets_poll', TG_ARGV[0], true);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION poll_clear() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.poll := '';
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER poll_begin BEFORE UPDATE OF poll ON votes
FOR EACH STATEMENT EXECUTE FUNCTION poll_note('yes');

CREATE OR REPLACE TRIGGER poll_end AFTER UPDATE OF poll ON votes
FOR EACH STATEMENT EXECUTE FUNCTION poll_note('no');

CREATE OR REPLACE TRIGGER poll_clear BEFORE UPDATE OF vote ON votes FOR EACH ROW
WHEN (OLD.poll <> '' AND current_setting('votes.sets_poll', true) IS DISTINCT FROM 'yes')
EXECUTE FUNCTION poll_clear();

NOTIFY tallies;
