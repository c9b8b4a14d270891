#!/usr/bin/env bash
# Before the database starts on a volume that already holds one: gives its roles the passwords of
# the secret. So a new secret (a fresh install over a kept volume, a rotated password) is obeyed.
# On an empty volume the image's entry point runs roles.sql itself.
set -euo pipefail
for key in postgres-password worker-password result-password; do
  # Postgres would take an empty password, and nobody could log in by it.
  if [ -z "$(cat "$CREDENTIALS/$key" 2>/dev/null)" ]; then
    echo "roles: $CREDENTIALS/$key is missing or empty: put the key $key into the secret" >&2
    exit 2
  fi
done
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "roles: the volume holds no database yet"
  exit 0
fi
# No TCP: nobody but this script reaches the server meanwhile.
pg_ctl start --wait --silent --pgdata="$PGDATA" --options="-c listen_addresses=''"
psql --quiet --no-psqlrc --username=postgres --dbname="$POSTGRES_DB" \
  --file=/docker-entrypoint-initdb.d/roles.sql
pg_ctl stop --wait --silent --pgdata="$PGDATA" --mode=fast
echo "roles: passwords and rights are set"
