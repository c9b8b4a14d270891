-- Creates the role owner, which owns the schema, so that worker needs fewer rights. Run it as a role
-- that may create roles; the roles worker and result must exist. The variable OWNER_PASSWORD contains
-- the password. It may run any number of times, also during a poll: owner gets the existing tables.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\if :{?owner_password}
\else
DO $$ BEGIN RAISE EXCEPTION 'the variable OWNER_PASSWORD is not set: set it to the password of the role owner'; END $$;
\endif

SELECT 'CREATE ROLE owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'owner')
\gexec
ALTER ROLE owner PASSWORD :'owner_password';
GRANT CONNECT ON DATABASE :"DBNAME" TO owner;
GRANT USAGE, CREATE ON SCHEMA public TO owner;
REVOKE CREATE ON SCHEMA public FROM worker;

-- Only a superuser or a member of a role can act for it.
GRANT owner, worker TO CURRENT_USER;
-- Rights on the tables that the migration will create.
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public
GRANT SELECT, INSERT, UPDATE ON TABLES TO worker;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO result;

-- Existing tables.
REASSIGN OWNED BY worker TO owner;
SELECT statement FROM unnest(ARRAY[
    'GRANT SELECT, INSERT, UPDATE ON votes TO worker',
    'GRANT SELECT ON tallies TO worker, result',
    'REVOKE INSERT, UPDATE ON tallies, tally_shards FROM worker'
]) AS statement
WHERE to_regclass('votes') IS NOT NULL
\gexec
SELECT statement FROM unnest(ARRAY[
    'GRANT SELECT ON poll_tallies TO result',
    'REVOKE INSERT, UPDATE ON poll_tallies FROM worker'
]) AS statement
WHERE to_regclass('poll_tallies') IS NOT NULL
\gexec
