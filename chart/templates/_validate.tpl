{{/* What the schema cannot say: a day that is none, a text of nothing, values that contradict each other. */}}
{{- define "vote.validate" -}}
{{- $problems := list -}}
{{- $seen := dict -}}
{{- /* As in common/poll_setting.py. */ -}}
{{- $blank := `^[\pZ\p{Cc}\p{Cf}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]+$` -}}
{{- range $index, $name := .Values.poll.options -}}
{{- if regexMatch $blank . -}}
{{- $problems = append $problems (printf "poll.options: nothing of option %d, %+q, can be seen: give it a name" (add1 $index) .) -}}
{{- end -}}
{{- $key := lower (join " " (regexSplit "\\s+" (trim .) -1)) -}}
{{- if hasKey $seen $key -}}
{{- $problems = append $problems (printf "poll.options: %q is there twice: each option needs a name of its own" .) -}}
{{- end -}}
{{- $_ := set $seen $key true -}}
{{- end -}}
{{- if lt (len .Values.poll.options) 2 -}}
{{- $problems = append $problems "poll.options: a poll needs two options or more" -}}
{{- end -}}
{{- with .Values.poll.title -}}
{{- if regexMatch $blank . -}}
{{- $problems = append $problems (printf "poll.title: nothing of %+q can be seen: give it a text, or leave it empty" .) -}}
{{- end -}}
{{- end -}}
{{- with .Values.poll.closesAt -}}
{{- $day := substr 0 10 . -}}
{{- $date := `(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])` -}}
{{- $time := `([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?` -}}
{{- $offset := `(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)` -}}
{{- if not (regexMatch (printf "^%s[T ]%s%s$" $date $time $offset) .) -}}
{{- $problems = append $problems (printf "poll.closesAt: %q must be a time with its offset, such as \"2026-12-24T20:00:00+01:00\"" .) -}}
{{- else if ne $day (dateInZone "2006-01-02" (toDate "2006-01-02Z07:00" (printf "%sZ" $day)) "UTC") -}}
{{- $problems = append $problems (printf "poll.closesAt: %s is no day of the calendar: that month has fewer days" $day) -}}
{{- end -}}
{{- end -}}
{{- if gt (len .Release.Name) 40 -}}
{{- $problems = append $problems "the release's name has more than 40 characters: the names of pods would become too long" -}}
{{- end -}}
{{- $full := include "vote.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- $problems = append $problems (printf "%q cannot begin the name of a Service, which has small letters, digits and hyphens, a letter first: choose another release name, or set fullnameOverride" $full) -}}
{{- end -}}
{{- range $name := list "externalDatabase" "externalRedis" -}}
{{- $host := (index $.Values $name).host -}}
{{- if and $host (not (regexMatch "^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$" $host)) -}}
{{- $problems = append $problems (printf "%s.host is %q: it is a name or an address alone; the port goes to %s.port" $name $host $name) -}}
{{- end -}}
{{- end -}}
{{- $auth := .Values.postgresql.auth -}}
{{- $passwords := dict "redis.auth.password" .Values.redis.auth.password "externalRedis.password" .Values.externalRedis.password -}}
{{- range $name := list "postgresPassword" "workerPassword" "resultPassword" -}}
{{- $_ := set $passwords (printf "postgresql.auth.%s" $name) (index $auth $name) -}}
{{- end -}}
{{- range $path, $given := $passwords -}}
{{- if regexMatch "[\r\n]$" (default "" $given) -}}
{{- $problems = append $problems (printf "%s ends with the end of a line, which not all keep that read it: leave it out" $path) -}}
{{- end -}}
{{- end -}}
{{- $bundled := dict "redis" (include "vote.redis.bundled" .) "postgresql" (include "vote.db.bundled" .) -}}
{{- range $store, $is := $bundled -}}
{{- $auth := (index $.Values $store).auth -}}
{{- if and $is $auth.createSecret (not $auth.existingSecret) -}}
{{- $problems = append $problems (printf "%s.auth.createSecret is true, and the chart makes that secret already: leave it false, which it is unless %s is null" $store $store) -}}
{{- end -}}
{{- end -}}
{{- $names := dict "redis" (include "vote.redis.fullname" .) "postgresql" (include "vote.db.fullname" .) -}}
{{- $taken := list -}}
{{- range $name := list "vote" "result" "worker" "worker-db" "result-db" -}}{{- /* The last two of secrets. */ -}}
{{- $taken = append $taken (include "vote.name" (list $ $name)) -}}
{{- end -}}
{{- range $store, $is := $bundled -}}
{{- $name := index $names $store -}}
{{- if and $is (not (and (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) (le (len $name) 52))) -}}
{{- $problems = append $problems (printf "%s.fullnameOverride: %q must have at most 52 small letters, digits and hyphens, a letter first and no hyphen last" $store $name) -}}
{{- else if and $is (has $name (concat $taken (omit $names $store | values))) -}}
{{- $problems = append $problems (printf "%s.fullnameOverride: %q is what something else of this release is called: choose another name" $store $name) -}}
{{- end -}}
{{- end -}}
{{- $split := default "" .Values.seed.split -}}
{{- $parts := len (splitList ":" $split) -}}
{{- if not (regexMatch "^[0-9]{1,9}(:[0-9]{1,9})*$" $split) -}}
{{- $problems = append $problems (printf "seed.split: %q must be whole numbers, one for each option, with colons, such as 2:1" $split) -}}
{{- else if not (regexMatch "[1-9]" $split) -}}
{{- $problems = append $problems (printf "seed.split: %q gives no option a vote: one part or more must be above 0, such as 2:1" $split) -}}
{{- else if and .Values.seed.enabled (gt $parts (len .Values.poll.options)) -}}
{{- $problems = append $problems (printf "seed.split: %q has %d parts, but the poll has %d options" $split $parts (len .Values.poll.options)) -}}
{{- end -}}
{{- if and (include "vote.redis.bundled" .) .Values.redis.maxmemory -}}
{{- $given := .Values.redis.maxmemory -}}
{{- $limit := dig "limits" "memory" "" (default dict .Values.redis.resources) | toYaml | trimAll "\"" -}}
{{- if not (regexMatch "^[1-9][0-9]{0,8}(kb|mb|gb)$" $given) -}}
{{- $problems = append $problems (printf "redis.maxmemory: %q must be a whole number with kb, mb or gb, such as 192mb" $given) -}}
{{- else if and $limit (gt (include "vote.bytes" $given | float64 | mulf 4) (include "vote.bytes" $limit | float64 | mulf 3)) -}}
{{- $problems = append $problems (printf "redis.maxmemory, %s, is more than three quarters of redis.resources.limits.memory, %s: Redis needs the rest, so lower the one or raise the other" $given $limit) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.worker.keda.enabled .Values.worker.autoscaling.enabled -}}
{{- $problems = append $problems "worker.keda.enabled and worker.autoscaling.enabled are both true: KEDA makes an autoscaler of its own, so choose one" -}}
{{- end -}}
{{- if include "vote.db.bundled" . -}}
{{- if .Values.externalDatabase.host -}}
{{- $problems = append $problems "externalDatabase.host is set, but the bundled Postgres is on: set postgresql.enabled=false as well" -}}
{{- end -}}
{{- else if not .Values.externalDatabase.host -}}
{{- $problems = append $problems "externalDatabase.host is empty, and the bundled Postgres is off: say where the database is, or set postgresql.enabled=true" -}}
{{- end -}}
{{- if include "vote.redis.bundled" . -}}
{{- if .Values.externalRedis.host -}}
{{- $problems = append $problems "externalRedis.host is set, but the bundled Redis is on: set redis.enabled=false as well" -}}
{{- end -}}
{{- else if not (or .Values.externalRedis.host (eq (include "vote.redis.variable" .) "REDIS_URL")) -}}
{{- $problems = append $problems "externalRedis.host is empty, and the bundled Redis is off: say where it is, or set redis.enabled=true" -}}
{{- end -}}
{{- if and .Values.worker.keda.enabled (not (include "vote.redis.host" .)) -}}
{{- $problems = append $problems "worker.keda.enabled needs externalRedis.host: KEDA cannot read it out of a URL, nor the port, the user name and the password, which is the key externalRedis.existingSecretKey of the secret" -}}
{{- end -}}
{{- if and .Values.worker.keda.enabled (include "vote.redis.bundled" .) (or .Values.worker.keda.tls .Values.worker.keda.database) -}}
{{- $problems = append $problems "worker.keda.tls or worker.keda.database is set, but the bundled Redis is on, which has neither TLS nor another database in use: leave them" -}}
{{- end -}}
{{- range $name := list "vote" "result" -}}
{{- $settings := index $.Values $name -}}
{{- if and $settings.service.nodePort (eq $settings.service.type "ClusterIP") -}}
{{- $problems = append $problems (printf "%s.service.nodePort is set, but %s.service.type is ClusterIP: make it NodePort or LoadBalancer" $name $name) -}}
{{- end -}}
{{- if lt (int $settings.terminationGracePeriodSeconds) (add (int $settings.preStopSeconds) 10) -}}
{{- $problems = append $problems (printf "%s.terminationGracePeriodSeconds must be %s.preStopSeconds and 10 more: so long its requests in hand may take" $name $name) -}}
{{- end -}}
{{- if and $settings.ingress.enabled (not $settings.ingress.host) -}}
{{- $problems = append $problems (printf "%s.ingress.host is empty: vote and result each need a host name of their own" $name) -}}
{{- end -}}
{{- $hosts := dict (printf "%s.ingress.host" $name) (compact (list $settings.ingress.host)) (printf "%s.httpRoute.hostnames" $name) $settings.httpRoute.hostnames -}}
{{- range $path, $given := $hosts -}}
{{- range $given -}}
{{- if not (regexMatch "^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .) -}}
{{- $problems = append $problems (printf "%s: %q must be a host name alone, in small letters, such as %s.example.com: no https://, no port, no path" $path . $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $settings.httpRoute.enabled (not $settings.httpRoute.parentRefs) -}}
{{- $problems = append $problems (printf "%s.httpRoute.parentRefs is empty: name the gateway" $name) -}}
{{- end -}}
{{- end -}}
{{- $scaled := dict "vote.autoscaling" .Values.vote.autoscaling "result.autoscaling" .Values.result.autoscaling "worker.autoscaling" .Values.worker.autoscaling "worker.keda" .Values.worker.keda -}}
{{- range $path, $range := $scaled -}}
{{- if and $range.enabled (gt (int $range.minReplicas) (int $range.maxReplicas)) -}}
{{- $problems = append $problems (printf "%s.minReplicas is more than maxReplicas" $path) -}}
{{- end -}}
{{- end -}}
{{- $ingress := .Values.vote.ingress -}}
{{- if and $ingress.enabled .Values.result.ingress.enabled $ingress.host (eq $ingress.host .Values.result.ingress.host) -}}
{{- $problems = append $problems "vote.ingress.host and result.ingress.host are the same: each needs a host name of its own" -}}
{{- end -}}
{{- $route := .Values.vote.httpRoute -}}{{- $other := .Values.result.httpRoute -}}
{{- if and $route.enabled $other.enabled -}}
{{- range $parent := $route.parentRefs -}}
{{- range $host := default (list "") $route.hostnames -}}
{{- if and (has $parent $other.parentRefs) (has $host (default (list "") $other.hostnames)) -}}
{{- $problems = append $problems (printf "vote.httpRoute and result.httpRoute are both for %s at the gateway %s: each needs a host name of its own" (default "any host name" $host) $parent.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.monitoringNamespace) -}}
{{- $problems = append $problems "monitoring.serviceMonitor.enabled is true, but no Prometheus may read the workers' metrics: set networkPolicy.monitoringNamespace to the namespace where it runs" -}}
{{- end -}}
{{- $one := .Values.vote.service.nodePort -}}
{{- if and $one .Values.result.service.nodePort (eq (int $one) (int .Values.result.service.nodePort)) -}}
{{- $problems = append $problems "vote.service.nodePort and result.service.nodePort are the same: each needs a port of its own" -}}
{{- end -}}
{{- if and .Values.migration.existingSecret (not (include "vote.migration" .)) -}}
{{- $problems = append $problems "migration.existingSecret is set, but nothing reads it: the worker applies the schema itself unless a Job does, so set migration.enabled=true as well" -}}
{{- end -}}
{{- $problems = concat $problems (include "vote.clusterProblems" . | fromJsonArray) -}}
{{- if $problems -}}
{{- fail (printf "\n\nThese values are not right:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end }}

{{/* How many bytes a size is, as Redis or Kubernetes writes it. */}}
{{- define "vote.bytes" -}}
{{- $units := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 -}}
{{- $units = merge $units (dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976) -}}
{{- $units = merge $units (dict "kb" 1024 "mb" 1048576 "gb" 1073741824) -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (index $units (regexFind "[A-Za-z]*$" .)) | printf "%.0f" -}}
{{- end }}
