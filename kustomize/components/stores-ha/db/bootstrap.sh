#!/bin/sh
# Patroni runs this once, on the first primary: creates the database and the roles.
set -eu
psql --quiet --no-psqlrc --host=/var/run/postgresql --username=postgres --dbname=postgres --command="CREATE DATABASE voting"
psql --quiet --no-psqlrc --host=/var/run/postgresql --username=postgres --dbname=voting --file=/etc/patroni/roles.sql
# The system page counts the replicas that follow the primary.
psql --quiet --no-psqlrc --host=/var/run/postgresql --username=postgres --dbname=voting --command="GRANT pg_read_all_stats TO result"
