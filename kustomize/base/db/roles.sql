-- The roles of the database, each with the rights that its service needs and no more:
-- worker owns the schema, result only reads. May run any number of times; each run sets the
-- passwords anew, from the files in the folder that the variable CREDENTIALS names.
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
-- Large objects are rows that anybody may write: result could fill the disk with them.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO worker, result;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO worker, result;
-- Unless owner.sql has given that to a role of its own: then worker loses what it had of it.
SELECT CASE WHEN EXISTS (
    SELECT FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname = 'public' AND grantee = to_regrole('owner') AND privilege_type = 'CREATE'
) THEN 'REVOKE CREATE ON SCHEMA public FROM worker'
ELSE 'GRANT CREATE ON SCHEMA public TO worker' END
\gexec
GRANT SELECT ON ALL TABLES IN SCHEMA public TO result;
ALTER DEFAULT PRIVILEGES FOR ROLE worker IN SCHEMA public GRANT SELECT ON TABLES TO result;
