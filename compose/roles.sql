-- The database roles: worker owns the schema, result only reads.
-- It may run again at any time, and sets the passwords to those in the secrets volume.
\set ON_ERROR_STOP on
\set worker_password `cat /run/secrets/worker-password`
\set result_password `cat /run/secrets/result-password`

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['worker', 'result']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE worker PASSWORD :'worker_password';
ALTER ROLE result PASSWORD :'result_password';

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO worker, result;
-- Anyone could fill the disk with large objects.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO worker;
GRANT USAGE ON SCHEMA public TO result;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO result;
ALTER DEFAULT PRIVILEGES FOR ROLE worker IN SCHEMA public GRANT SELECT ON TABLES TO result;
