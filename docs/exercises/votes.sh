# Functions of the exercises on kustomize/overlays/dev, for bash: source docs/exercises/votes.sh
# Where the pages have other addresses, set `page` (vote) and `screen` (result) before.
page=${page:-http://localhost:31000} screen=${screen:-http://localhost:31001}

# The number of votes on the result page.
votes() { curl --silent --max-time 20 "$screen/api/results" | grep -o '"total":[0-9]*' | cut -d : -f 2; }

# Cast a vote for Cats as a new voter, and print the status code.
vote() { curl --silent --output /dev/null --max-time 20 --write-out '%{http_code}\n' -H 'content-type: application/json' -d '{"vote": "a"}' "$page/api/votes"; }

# Run a command in Redis.
redis() { kubectl -n dev exec redis-0 -- sh -c 'REDISCLI_AUTH="$(cat /run/secrets/redis/password)" exec valkey-cli "$@"' sh "$@"; }
