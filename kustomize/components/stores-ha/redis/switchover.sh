#!/bin/sh
# Makes another server the primary, if this one is it. No acknowledged vote is lost: first this server
# takes no more writes, then the replicas get what they still lack, then the Sentinels promote one.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis/password)
export REDISCLI_AUTH
me=$(hostname -f).
is_primary() { valkey-cli role | head -n 1 | grep -qx master; }
is_primary || exit 0
valkey-cli config set min-replicas-to-write 100
end=$(valkey-cli info replication | tr -d '\r' | sed -n 's/^master_repl_offset://p')
tries=0
# WAIT for more replicas than there are makes all of them report what they have.
until valkey-cli wait 100 100 > /dev/null; valkey-cli info replication | tr -d '\r' | awk -F '[:,=]' -v end="$end" '
    /^slave[0-9]/ { for (i = 2; i < NF; i++) if ($i == "offset") { seen++; behind += $(i + 1) < end } }
    END { exit !seen || behind }'; do
    tries=$((tries + 1))
    if [ "$tries" = 20 ]; then
        valkey-cli config set min-replicas-to-write 1
        echo "a replica is behind: no switchover" >&2
        exit 1
    fi
done
# Ask one Sentinel after the other, until one accepts the request.
for pod in redis-0 redis-1 redis-2; do
    sentinel="$pod.${me#*.}"
    timeout 2 valkey-cli -h "$sentinel" -p 26379 sentinel failover votes 2> /dev/null | grep -q OK && break
done
tries=0
until primary=$(timeout 2 valkey-cli -h "$sentinel" -p 26379 sentinel get-primary-addr-by-name votes 2> /dev/null | head -n 1) &&
    [ -n "$primary" ] && [ "$primary" != "$me" ]; do
    tries=$((tries + 1))
    if [ "$tries" = 20 ]; then
        valkey-cli config set min-replicas-to-write 1
        echo "the Sentinels promoted no other server" >&2
        exit 1
    fi
    sleep 0.5
done
# Sentinels would do this some seconds later.
valkey-cli replicaof "$primary" 6379
valkey-cli config set min-replicas-to-write 1
echo "the primary is ${primary%%.*}"
