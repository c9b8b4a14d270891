{{/* `.Subcharts.redis` and `.Subcharts.postgresql` exist only while the bundled stores are enabled. */}}

{{/* Prefix of all names: the name of the release, unless fullnameOverride is set. */}}
{{- define "vote.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Name of the vote service: "vote" in a release named "vote", not "vote-vote". */}}
{{- define "vote.voteName" -}}
{{- $fullname := include "vote.fullname" . -}}
{{- eq $fullname "vote" | ternary $fullname (printf "%s-vote" $fullname) -}}
{{- end }}

{{/* Labels of every resource. Takes the root and the name of the part: vote, worker, result, a Job, or what is not a pod. */}}
{{- define "vote.labels" -}}
{{- $root := index . 0 -}}
{{ include "vote.selectorLabels" . }}
{{- with get (dict "vote" "frontend" "result" "frontend" "worker" "worker" "migration" "job" "seed" "job") (index . 1) }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/part-of: voting
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels that select the pods of a part; without a name, all pods of this release. */}}
{{- define "vote.selectorLabels" -}}
{{- with index . 1 }}app.kubernetes.io/name: {{ . }}
{{ end -}}
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
{{- end }}

{{/* Reference of one of the project's images; takes a dict with "root" and "image". */}}
{{- define "vote.image" -}}
{{- with .root.Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .image.repository }}:{{ coalesce .image.tag .root.Values.image.tag .root.Chart.AppVersion -}}
{{- end }}

{{/* Redis, bundled or external, as YAML. `key` is that of the URL if there is one, else of the password. */}}
{{- define "vote.redis" -}}
{{- if .Subcharts.redis }}
{host: {{ include "redis.fullname" .Subcharts.redis }}, ports: [6379], secret: {{ include "redis.secret" .Subcharts.redis }}, key: password}
{{- else }}
{{- $ports := list .Values.externalRedis.port }}
{{- range .Values.externalRedis.sentinels }}{{ $ports = append $ports (splitList ":" . | last | int) }}{{ end }}
host: {{ .Values.externalRedis.host | quote }}
ports: {{ $ports | uniq | toJson }}
secret: {{ .Values.externalRedis.existingSecret | quote }}
key: {{ default .Values.externalRedis.existingSecretKey .Values.externalRedis.existingSecretUrlKey | quote }}
{{- end }}
{{- end }}

{{/* The secrets of Redis, as a source of the volume /run/secrets, whose files have the names of the settings. */}}
{{- define "vote.redis.secret" -}}
{{- $redis := include "vote.redis" . | fromYaml }}
- secret:
    name: {{ $redis.secret | quote }}
    items:
      - {key: {{ $redis.key | quote }}, path: {{ .Values.externalRedis.existingSecretUrlKey | empty | ternary "redis_password" "redis_url" }}}
      {{- with .Values.externalRedis.existingSecretSentinelKey }}
      - {key: {{ . | quote }}, path: redis_sentinel_password}
      {{- end }}
{{- end }}

{{/* Postgres, bundled or external, as YAML. `key` and `resultKey` are those of the passwords. */}}
{{- define "vote.postgresql" -}}
{{- if .Subcharts.postgresql }}
{port: 5432, name: voting, user: worker, key: worker-password, resultUser: result, resultKey: result-password,
 host: {{ include "postgresql.fullname" .Subcharts.postgresql }}, secret: {{ include "postgresql.secret" .Subcharts.postgresql }}}
{{- else }}
{{- with .Values.externalDatabase }}
host: {{ .host | quote }}
port: {{ .port }}
name: {{ .name | quote }}
secret: {{ .existingSecret | quote }}
user: {{ .user | quote }}
key: {{ .existingSecretKey | quote }}
resultUser: {{ default .user .resultUser | quote }}
resultKey: {{ .existingSecretResultKey | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* HOST:PORT of a store, with an IPv6 address in brackets. */}}
{{- define "vote.address" -}}
{{ contains ":" .host | ternary (printf "[%s]" .host) .host }}:{{ .port }}
{{- end }}

{{/* Where Postgres is: variables of the worker, result and the migration, but not of vote. */}}
{{- define "vote.postgresql.env" -}}
{{- with include "vote.postgresql" . | fromYaml }}
- {name: DB_HOST, value: {{ include "vote.address" . | quote }}}
- {name: DB_NAME, value: {{ .name | quote }}}
{{- end }}
{{- end }}

{{/* "true" if a Job applies the schema: on request, and when there may be no worker that does. */}}
{{- define "vote.migration" -}}
{{- $worker := .Values.worker -}}
{{- $replicas := $worker.keda.enabled | ternary $worker.keda.minReplicas $worker.replicaCount -}}
{{- if or .Values.migration.enabled (eq (int $replicas) 0) }}true{{ end -}}
{{- end }}

{{/* What every pod has: no token, no more rights than it needs, and where it runs. Takes the root and the values of the service; a Job has none. */}}
{{- define "vote.pod" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
serviceAccountName: {{ default ($root.Values.serviceAccount.create | ternary (include "vote.fullname" $root) "default") $root.Values.serviceAccount.name | quote }}
{{ end -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with pick (index . 1) "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- range $field, $value := . }}
{{- with $value }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Address of a page behind its Ingress or HTTPRoute; empty without one. Argument: the values of its service. */}}
{{- define "vote.pageUrl" -}}
{{- if and .ingress.enabled .ingress.hosts }}
{{- printf "%s://%s/" (ternary "https" "http" (not (empty .ingress.tls))) (first .ingress.hosts) }}
{{- else if and .httpRoute.enabled .httpRoute.hostnames }}
{{- $parent := first .httpRoute.parentRefs }}
{{- printf "%s://%s/" (ternary "https" "http" (or (hasPrefix "https" (default "" $parent.sectionName)) (eq (toString $parent.port) "443"))) (first .httpRoute.hostnames) }}
{{- end }}
{{- end }}
