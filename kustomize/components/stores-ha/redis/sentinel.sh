#!/bin/sh
# Starts the Sentinel of this pod. It writes what it learns into its configuration on the volume, so
# that after a restart of all pods the Sentinels still know the newest primary.
set -eu
umask 077
saved=/data/sentinel.conf
password=$(cat /run/secrets/redis/password)
REDISCLI_AUTH=$password
export REDISCLI_AUTH
# With the dot at the end, a name that is missing is not searched for in other domains: meanwhile,
# Sentinel would stand still.
me=$(hostname -f).
domain=${me#*.}

# On a new volume: the primary that another Sentinel names, otherwise the first pod.
if ! grep -qs '^sentinel monitor ' "$saved"; then
    primary=
    for pod in redis-0 redis-1 redis-2; do
        primary=$(timeout 2 valkey-cli -h "$pod.$domain" -p 26379 sentinel get-primary-addr-by-name votes 2>/dev/null | head -n 1) || true
        case $primary in *".$domain") break ;; esac
        primary=redis-0.$domain
    done
    echo "sentinel monitor votes $primary 6379 2" > "$saved"
fi
quoted=$(printf %s "$password" | sed 's/[\\"]/\\&/g')
{
    cat <<CONF
port 26379
dir /data
requirepass "$quoted"
sentinel sentinel-pass "$quoted"
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $me
CONF
    grep -E '^sentinel (monitor|config-epoch|leader-epoch|current-epoch|known-)' "$saved"
    # With a new id after each loss of a volume, the others would count ghosts, until no majority is left.
    cat <<CONF
sentinel myid $(hostname | sha1sum | cut -c 1-40)
sentinel auth-pass votes "$quoted"
sentinel down-after-milliseconds votes 2000
sentinel failover-timeout votes 10000
sentinel parallel-syncs votes 1
CONF
} > "$saved.new"
mv "$saved.new" "$saved"
# When a Sentinel hears of a new primary, but its name does not resolve at that moment, it keeps the new
# epoch with the old primary, until the next failover: alone, it calls a replica a primary that is
# down. Without the epoch, it takes the primary that the others name next.
(
    while sleep 5; do
        case $(valkey-cli -p 26379 sentinel master votes 2>/dev/null | paste -s -d ' ' -) in
            *" flags s_down,master "*" role-reported slave "*) ;;
            *) continue ;;
        esac
        echo "this Sentinel missed who the primary is: it starts again, and asks the others"
        sed -i '/^sentinel config-epoch /d' "$saved"
        valkey-cli -p 26379 shutdown
    done
) &
exec valkey-server "$saved" --sentinel
