-- The version of the schema, as its migration has noted it. No row without the table of votes.
SELECT obj_description(to_regclass('tallies'), 'pg_class')
WHERE to_regclass('votes') IS NOT NULL
