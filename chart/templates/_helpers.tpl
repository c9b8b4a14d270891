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

{{/* Labels of every resource, next to its name and component. */}}
{{- define "vote.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "vote.selectorLabels" . }}
app.kubernetes.io/part-of: voting
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Label that tells the pods of this release from others; selectors add app.kubernetes.io/name. */}}
{{- define "vote.selectorLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Name of the service account of vote, worker and result. */}}
{{- define "vote.serviceAccountName" -}}
{{- default (.Values.serviceAccount.create | ternary (include "vote.fullname" .) "default") .Values.serviceAccount.name -}}
{{- end }}

{{/* Reference of one of the project's images; takes a dict with "root" and "image". */}}
{{- define "vote.image" -}}
{{- with .root.Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ coalesce .image.tag .root.Values.image.tag .root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* Host name of Redis, bundled or external. */}}
{{- define "vote.redis.host" -}}
{{- if .Subcharts.redis }}{{ include "redis.fullname" .Subcharts.redis }}{{ else }}{{ .Values.externalRedis.host }}{{ end -}}
{{- end }}

{{/* Port of Redis, bundled or external. */}}
{{- define "vote.redis.port" -}}
{{- if .Subcharts.redis }}6379{{ else }}{{ .Values.externalRedis.port }}{{ end -}}
{{- end }}

{{/* Name of the secret with the password or the URL of Redis. */}}
{{- define "vote.redis.secret" -}}
{{- if .Subcharts.redis }}{{ include "redis.secret" .Subcharts.redis }}{{ else }}{{ .Values.externalRedis.existingSecret }}{{ end -}}
{{- end }}

{{/* Key in that secret that the services read: of the URL if there is one, else of the password. */}}
{{- define "vote.redis.key" -}}
{{- if .Subcharts.redis }}password{{ else }}{{ default .Values.externalRedis.existingSecretKey .Values.externalRedis.existingSecretUrlKey }}{{ end -}}
{{- end }}

{{/* Environment variables with the secrets of Redis. */}}
{{- define "vote.redis.env" -}}
- name: {{ if .Values.externalRedis.existingSecretUrlKey }}REDIS_URL_FILE{{ else }}REDIS_PASSWORD_FILE{{ end }}
  value: /run/secrets/stores/redis
{{- with .Values.externalRedis.existingSecretSentinelKey }}
- name: REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "vote.redis.secret" $ | quote }}
      key: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Rule of a network policy: a connection to Redis; to an external one, wherever it is. */}}
{{- define "vote.redis.egress" -}}
- ports:
    - port: {{ include "vote.redis.port" . }}
    {{- $ports := list }}
    {{- range .Values.externalRedis.sentinels }}{{ $ports = append $ports (splitList ":" . | last) }}{{ end }}
    {{- range $ports | uniq }}
    - port: {{ . }}
    {{- end }}
  {{- if .Subcharts.redis }}
  to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: redis
          {{- include "vote.selectorLabels" . | nindent 10 }}
  {{- end }}
{{- end }}

{{/* Host name of Postgres, bundled or external. */}}
{{- define "vote.postgresql.host" -}}
{{- if .Subcharts.postgresql }}{{ include "postgresql.fullname" .Subcharts.postgresql }}{{ else }}{{ .Values.externalDatabase.host }}{{ end -}}
{{- end }}

{{/* Port of Postgres, bundled or external. */}}
{{- define "vote.postgresql.port" -}}
{{- if .Subcharts.postgresql }}5432{{ else }}{{ .Values.externalDatabase.port }}{{ end -}}
{{- end }}

{{/* Where Postgres is: variables of the worker, result and the migration, but not of vote. */}}
{{- define "vote.postgresql.env" -}}
- name: DB_HOST
  value: {{ include "vote.postgresql.host" . | quote }}
- name: DB_PORT
  value: {{ include "vote.postgresql.port" . | quote }}
- name: DB_NAME
  value: {{ if .Subcharts.postgresql }}voting{{ else }}{{ .Values.externalDatabase.name | quote }}{{ end }}
{{- end }}

{{/* Name of the secret with the passwords of Postgres. */}}
{{- define "vote.postgresql.secret" -}}
{{- if .Subcharts.postgresql }}{{ include "postgresql.secret" .Subcharts.postgresql }}{{ else }}{{ .Values.externalDatabase.existingSecret }}{{ end -}}
{{- end }}

{{/* Rule of a network policy: a connection to Postgres; to an external one, wherever it is. */}}
{{- define "vote.postgresql.egress" -}}
- ports:
    - port: {{ include "vote.postgresql.port" . }}
  {{- if .Subcharts.postgresql }}
  to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: db
          {{- include "vote.selectorLabels" . | nindent 10 }}
  {{- end }}
{{- end }}

{{/* Name of the secret with the token of the presenter. */}}
{{- define "vote.presenter.secret" -}}
{{- default (printf "%s-presenter-secret" (include "vote.fullname" .)) .Values.faults.existingSecret -}}
{{- end }}

{{/* "true" if a Job applies the schema: on request, and when there may be no worker that does. */}}
{{- define "vote.migration" -}}
{{- $worker := .Values.worker -}}
{{- $replicas := $worker.keda.enabled | ternary $worker.keda.minReplicas $worker.replicaCount -}}
{{- if or .Values.migration.enabled (and (not $worker.autoscaling.enabled) (eq (int $replicas) 0)) }}true{{ end -}}
{{- end }}

{{/* What every pod of the project's images has: no token, and no more rights than it needs. */}}
{{- define "vote.pod" -}}
automountServiceAccountToken: false
# Otherwise the Services named redis and db would set REDIS_PORT and DB_PORT to URLs.
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where the pods of a service run; takes the values of the service. */}}
{{- define "vote.scheduling" -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" }}
{{- with get $ $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
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
