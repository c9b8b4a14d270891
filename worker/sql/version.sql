-- The number of the last migration that was applied, 0 if there was none or if somebody has dropped
-- tables. Version 0.2 noted a hash of its schema, which is that of the first migration.
SELECT CASE
    WHEN to_regclass('votes') IS NULL OR to_regclass('tallies') IS NULL THEN 0
    ELSE coalesce(
        substring(obj_description(to_regclass('votes'), 'pg_class') FROM '^migration (\d+)$')::int,
        (obj_description(to_regclass('tallies'), 'pg_class') = 'schema 1704a1f5cfceb9ad')::int,
        0
    )
END
