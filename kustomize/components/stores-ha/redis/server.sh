#!/bin/sh
# Starts Valkey as the primary or as a replica, as the Sentinels say.
set -eu
umask 077
password=$(cat /run/secrets/redis/password)
test -n "$password" || { echo "the password in the secret of Redis is empty: set one" >&2; exit 2; }
REDISCLI_AUTH=$password
export REDISCLI_AUTH
# As in sentinel.sh, the dot makes the name complete.
me=$(hostname -f).

# Prints a line for each Sentinel that answers: its epoch, how many replicas it knows, its flags and the primary.
ask() {
    for pod in redis-0 redis-1 redis-2; do
        host=$pod.${me#*.}
        [ "$host" != "$me" ] || host=127.0.0.1 # a new name takes some seconds to be known
        timeout 1 valkey-cli -h "$host" -p 26379 sentinel master votes 2>/dev/null |
            awk 'NR % 2 { key = $0; next } { value[key] = $0 }
                 END { if ("ip" in value) print value["config-epoch"], value["num-slaves"], value["flags"], value["ip"] }' || true
    done
}

# The Sentinels with the newest epoch know the newest primary: if they differ, most of them do. One
# that was down may know an older one: so all three are asked, and two are enough only when the third
# one does not answer for a while.
waited=0
while :; do
    answers=$(ask)
    count=$(echo "$answers" | grep -c . || true)
    primary=$(echo "$answers" | awk '{ print $1, $4 }' | sort | uniq -c | sort -n -k 2,2 -k 1,1 | tail -n 1 | awk '{ print $3 }')
    if [ "$count" = 3 ] || { [ "$count" = 2 ] && [ "$waited" -ge 10 ]; }; then
        [ "$primary" = "$me" ] || break
        if [ -d /data/appendonlydir ]; then
            # A failover may be on its way. If none happens, all servers were restarted, and this one
            # has the newest data.
            case $answers in
                *failover_in_progress*) ;;
                *) [ "$waited" -lt 15 ] || break ;;
            esac
        elif [ "$count" = 3 ] && [ -z "$(echo "$answers" | awk '$2 > 0')" ]; then
            break # the first start of all
        else
            # This pod has lost its volume. As the primary, it would make the others copy its empty list.
            echo "no data: waiting until another server is the primary"
        fi
    fi
    sleep 1
    waited=$((waited + 1))
done

quoted=$(printf %s "$password" | sed 's/[\\"]/\\&/g')
cat > /tmp/valkey.conf <<CONF
dir /data
appendonly yes
# Each write is synced to the disk before Valkey answers.
appendfsync always
save ""
maxmemory ${MAXMEMORY:-0}
maxmemory-policy noeviction
user default on #$(printf %s "$password" | sha256sum | cut -d ' ' -f 1) ~* &* +@all
masterauth "$quoted"
# Without a replica that has answered in the last 3 s, the primary takes no write.
min-replicas-to-write 1
min-replicas-max-lag 3
repl-ping-replica-period 1
repl-diskless-sync-delay 0
replica-announce-ip $me
CONF
if [ "$primary" != "$me" ]; then
    # Sentinels do not promote this server before it has the data of the primary.
    cat >> /tmp/valkey.conf <<CONF
replicaof $primary 6379
replica-priority 0
CONF
fi
(
    until valkey-cli info replication 2>/dev/null | grep -Eq '^(role:master|master_link_status:up)'; do sleep 1; done
    valkey-cli config set replica-priority 100
) &
exec valkey-server /tmp/valkey.conf
