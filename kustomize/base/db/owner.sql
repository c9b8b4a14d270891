-- A role of its own that owns the schema, so that worker has the rights that it needs and no more.
-- For whoever may make roles, and give away what worker owns; the roles worker and result must be
-- there. The variable OWNER_PASSWORD has its password. May run any number of times, also on the
-- tables of a poll that goes on: they are given to owner.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\if :{?owner_password}
\else
DO $$ BEGIN RAISE EXCEPTION 'the variable OWNER_PASSWORD is not set: give it the password of the role owner'; END $$;
\endif

SELECT 'CREATE ROLE owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'owner')
\gexec
ALTER ROLE owner PASSWORD :'owner_password';
GRANT CONNECT ON DATABASE :"DBNAME" TO owner;
GRANT USAGE, CREATE ON SCHEMA public TO owner;
REVOKE CREATE ON SCHEMA public FROM worker;

-- Who is no superuser must be a member of a role to act for it.
GRANT owner, worker TO CURRENT_USER;
-- What the Job will make: the workers and the pages may use it from its first moment.
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public
GRANT SELECT, INSERT, UPDATE ON TABLES TO worker;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO result;

-- What is there already, with no more rights than are needed.
REASSIGN OWNED BY worker TO owner;
SELECT statement FROM unnest(ARRAY[
    'GRANT SELECT, INSERT, UPDATE ON votes TO worker',
    'GRANT SELECT ON tallies TO worker, result',
    'REVOKE INSERT, UPDATE ON tallies, tally_shards FROM worker'
]) AS statement
WHERE to_regclass('votes') IS NOT NULL
\gexec
