#!/usr/bin/env bash
# Gives the roles the passwords of the secret before the database starts on a volume with data. This
# covers a changed password, and a new installation on an old volume.
# On an empty volume, the entry point of the image runs roles.sql.
set -euo pipefail
for key in postgres-password worker-password result-password; do
  # Postgres would accept an empty password, and then nobody could log in.
  if [ -z "$(cat "$CREDENTIALS/$key" 2>/dev/null)" ]; then
    echo "roles: $CREDENTIALS/$key is missing or empty: add the key $key to the secret" >&2
    exit 2
  fi
done
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "roles: the volume has no database yet"
  exit 0
fi
# Without TCP, only this script reaches the server.
pg_ctl start --wait --silent --pgdata="$PGDATA" --options="-c listen_addresses=''"
psql --quiet --no-psqlrc --username=postgres --dbname="$POSTGRES_DB" \
  --file=/docker-entrypoint-initdb.d/roles.sql
pg_ctl stop --wait --silent --pgdata="$PGDATA" --mode=fast
echo "roles: passwords and rights are set"
