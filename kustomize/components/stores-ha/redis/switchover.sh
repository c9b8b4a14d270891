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
for _ in 1 2 3 4 5 6 7 8 9 10; do
    valkey-cli info replication | tr -d '\r' | awk -F '[:,=]' '
        /^slave[0-9]/ { for (i = 2; i < NF; i++) if ($i == "offset") { seen++; if (!least || $(i + 1) < least) least = $(i + 1) } }
        /^master_repl_offset/ { end = $2 }
        END { exit !(seen && least >= end) }' && break
    sleep 0.2
done
for pod in redis-0 redis-1 redis-2; do
    timeout 2 valkey-cli -h "$pod.${me#*.}" -p 26379 sentinel failover votes 2>/dev/null | grep -q OK && break
done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    is_primary || { valkey-cli config set min-replicas-to-write 1; exit 0; }
    sleep 0.5
done
valkey-cli config set min-replicas-to-write 1
echo "the Sentinels promoted no other server" >&2
exit 1
