-- The roles of the database with the rights that their services need: worker owns the schema, result
-- only reads. It may run any number of times. Each run sets the passwords from the files in the folder
-- that the variable CREDENTIALS names.
\set ON_ERROR_STOP on
\set postgres_password `cat "$CREDENTIALS/postgres-password"`
\set worker_password `cat "$CREDENTIALS/worker-password"`
\set result_password `cat "$CREDENTIALS/result-password"`

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['worker', 'result']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE CURRENT_USER PASSWORD :'postgres_password';
ALTER ROLE worker PASSWORD :'worker_password';
ALTER ROLE result PASSWORD :'result_password';

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
-- Everybody may write large objects: result could fill the disk with them.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO worker, result;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO worker, result;
-- If owner.sql has created a role that owns the schema, worker may not create tables.
SELECT CASE WHEN EXISTS (
    SELECT FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname = 'public' AND grantee = to_regrole('owner') AND privilege_type = 'CREATE'
) THEN 'REVOKE CREATE ON SCHEMA public FROM worker'
ELSE 'GRANT CREATE ON SCHEMA public TO worker' END
\gexec
GRANT SELECT ON ALL TABLES IN SCHEMA public TO result;
ALTER DEFAULT PRIVILEGES FOR ROLE worker IN SCHEMA public GRANT SELECT ON TABLES TO result;
