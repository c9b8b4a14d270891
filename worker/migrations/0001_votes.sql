-- The table of votes and its tallies. Migrates the classic voting app's table votes(id, vote) in place,
-- with its rows.

DO $$
BEGIN
    IF current_schema() IS NULL THEN
        RAISE invalid_schema_name USING MESSAGE = format(
            'none of the schemas in the search_path (%s) is there for the role %s: make one of'
            ' them, grant USAGE on it, or give the role or the database another search_path',
            current_setting('search_path'), current_user
        );
    END IF;
END
$$;

-- The functions keep this search path, so that no object of a caller can replace a table.
SELECT set_config('search_path', format('%I, pg_temp', current_schema()), true);

-- COLLATE "C" compares ids byte by byte. With the collation of a language, a ballot costs Postgres a
-- third more, and nobody reads voters in that order.
CREATE TABLE IF NOT EXISTS votes (
    id VARCHAR(255) COLLATE "C" PRIMARY KEY,
    vote VARCHAR(255) NOT NULL,
    cast_at timestamptz NOT NULL DEFAULT now()
);

-- Nobody can write between here and the count of the tallies at the end.
LOCK TABLE votes IN SHARE ROW EXCLUSIVE MODE;

-- The rows of a classic table have no time. Any ballot is newer.
ALTER TABLE votes ADD COLUMN IF NOT EXISTS cast_at timestamptz NOT NULL DEFAULT 'epoch';
ALTER TABLE votes ALTER COLUMN cast_at SET DEFAULT now();

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_constraint WHERE conrelid = 'votes'::regclass AND contype = 'p'
    ) THEN
        ALTER TABLE votes ADD PRIMARY KEY (id);
    END IF;
END
$$;

-- The voters of each option, spread over shards. Transactions that commit at the same time take
-- different shards, so that none waits for a row of another.
CREATE TABLE IF NOT EXISTS tally_shards (
    vote VARCHAR(255) NOT NULL,
    shard smallint NOT NULL,
    voters bigint NOT NULL,
    PRIMARY KEY (vote, shard)
) WITH (fillfactor = 50);

CREATE OR REPLACE VIEW tallies AS
SELECT vote, sum(voters)::bigint AS voters
FROM tally_shards
GROUP BY vote
HAVING sum(voters) <> 0;

-- Takes a shard that no other transaction has, until this transaction ends. It tries one after the
-- other, and waits only if all 16 are taken. While it waits it holds no shard, so nobody waits for it.
CREATE OR REPLACE FUNCTION tally_take_shard() RETURNS smallint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    shards CONSTANT int := 16;
    namespace CONSTANT int := 1986360428;  -- any number; the first key of the advisory locks
    first CONSTANT int := pg_backend_pid() % shards;
    shard int;
BEGIN
    FOR step IN 0 .. shards - 1 LOOP
        shard := (first + step) % shards;
        IF pg_try_advisory_xact_lock(namespace, shard) THEN
            RETURN shard;
        END IF;
    END LOOP;
    PERFORM pg_advisory_xact_lock(namespace, first);
    RETURN first;
END
$$;

-- Adds the changes of a statement to the tallies, and notifies if there are any. An upsert fires it
-- twice: for its inserted rows and for its updated ones.
-- SECURITY DEFINER: a role that may write votes needs no rights on the tallies.
CREATE OR REPLACE FUNCTION tally_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    options text[];
    changes bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(vote), array_agg(voters) INTO options, changes
        FROM (SELECT vote, count(*) AS voters FROM added GROUP BY vote) AS change;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(vote), array_agg(voters) INTO options, changes
        FROM (SELECT vote, -count(*) AS voters FROM removed GROUP BY vote) AS change;
    ELSE
        SELECT array_agg(vote), array_agg(voters) INTO options, changes
        FROM (
            SELECT vote, sum(voters) AS voters
            FROM (
                SELECT vote, count(*) AS voters FROM added GROUP BY vote
                UNION ALL
                SELECT vote, -count(*) FROM removed GROUP BY vote
            ) AS counted
            GROUP BY vote
            HAVING sum(voters) <> 0
        ) AS change;
    END IF;
    IF options IS NOT NULL THEN
        INSERT INTO tally_shards AS kept (vote, shard, voters)
        SELECT change.vote, taken.shard, change.voters
        FROM tally_take_shard() AS taken (shard), unnest(options, changes) AS change (vote, voters)
        ON CONFLICT (vote, shard) DO UPDATE SET voters = kept.voters + excluded.voters;
        NOTIFY tallies;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION tally_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM tally_shards;
    NOTIFY tallies;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tally_insert AFTER INSERT ON votes
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_change();

CREATE OR REPLACE TRIGGER tally_update AFTER UPDATE ON votes
REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION tally_change();

CREATE OR REPLACE TRIGGER tally_delete AFTER DELETE ON votes
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tally_change();

CREATE OR REPLACE TRIGGER tally_truncate AFTER TRUNCATE ON votes
FOR EACH STATEMENT EXECUTE FUNCTION tally_truncate();

-- Count all tallies, under the lock from above. This includes the rows of a classic table and all rows
-- that were written without the triggers.
DELETE FROM tally_shards;
INSERT INTO tally_shards (vote, shard, voters) SELECT vote, 0, count(*) FROM votes GROUP BY vote;

NOTIFY tallies;

-- Workers of version 0.2 look here for the hash of their schema, and apply that if it is another.
COMMENT ON VIEW tallies IS 'schema 1704a1f5cfceb9ad';
