{{/* Whether the chart brings its own Redis: "true" or nothing. */}}
{{- define "vote.redis.bundled" -}}
{{- if hasKey .Values.redis "enabled" }}{{ if .Values.redis.enabled }}true{{ end }}{{ else if .Values.tags.stores }}true{{ end -}}
{{- end }}
{{- define "vote.db.bundled" -}}
{{- if hasKey .Values.postgresql "enabled" }}{{ if .Values.postgresql.enabled }}true{{ end }}{{ else if .Values.tags.stores }}true{{ end -}}
{{- end }}

{{/* The names of the subcharts' resources, as those make them. */}}
{{- define "vote.redis.fullname" -}}
{{- default (printf "%s-redis" .Release.Name) .Values.redis.fullnameOverride -}}
{{- end }}
{{- define "vote.db.fullname" -}}
{{- default (printf "%s-db" .Release.Name) .Values.postgresql.fullnameOverride -}}
{{- end }}

{{- define "vote.redis.host" -}}
{{- if include "vote.redis.bundled" . }}{{ include "vote.redis.fullname" . }}{{ else }}{{ default "" .Values.externalRedis.host }}{{ end -}}
{{- end }}
{{- define "vote.redis.port" -}}
{{- if include "vote.redis.bundled" . }}6379{{ else }}{{ .Values.externalRedis.port }}{{ end -}}
{{- end }}

{{/* The secret with Redis' password or URL; empty when there is none. */}}
{{- define "vote.redis.secret" -}}
{{- if include "vote.redis.bundled" . -}}
{{- default (printf "%s-secret" (include "vote.redis.fullname" .)) .Values.redis.auth.existingSecret -}}
{{- else if .Values.externalRedis.existingSecret -}}
{{- .Values.externalRedis.existingSecret -}}
{{- else if .Values.externalRedis.password -}}
{{- include "vote.name" (list . "redis-secret") -}}
{{- end -}}
{{- end }}

{{/* The secret of the operator's own with Redis' password or URL; empty when the chart makes it. */}}
{{- define "vote.redis.existingSecret" -}}
{{- if include "vote.redis.bundled" . }}{{ default "" .Values.redis.auth.existingSecret }}{{ else }}{{ default "" .Values.externalRedis.existingSecret }}{{ end -}}
{{- end }}
{{- define "vote.redis.secretKey" -}}
{{- if eq (include "vote.redis.variable" .) "REDIS_URL" }}{{ .Values.externalRedis.existingSecretUrlKey }}
{{- else }}{{ include "vote.redis.passwordKey" . }}{{ end -}}
{{- end }}

{{/* The key of the password alone: KEDA cannot read it out of a URL. */}}
{{- define "vote.redis.passwordKey" -}}
{{- if and (not (include "vote.redis.bundled" .)) .Values.externalRedis.existingSecret }}{{ .Values.externalRedis.existingSecretKey }}
{{- else }}password{{ end -}}
{{- end }}

{{/* REDIS_PASSWORD, or REDIS_URL where the secret holds a whole one. */}}
{{- define "vote.redis.variable" -}}
{{- if and (not (include "vote.redis.bundled" .)) .Values.externalRedis.existingSecret .Values.externalRedis.existingSecretUrlKey }}REDIS_URL{{ else }}REDIS_PASSWORD{{ end -}}
{{- end }}

{{- define "vote.db.secret" -}}
{{- default (printf "%s-secret" (include "vote.db.fullname" .)) .Values.postgresql.auth.existingSecret -}}
{{- end }}
{{- define "vote.db.existingSecret" -}}
{{- if include "vote.db.bundled" . }}{{ default "" .Values.postgresql.auth.existingSecret }}{{ else }}{{ default "" .Values.externalDatabase.existingSecret }}{{ end -}}
{{- end }}

{{/* What the pods read of the operator's own secrets, as JSON: for each its name, then its keys. */}}
{{- define "vote.existingKeys" -}}
{{- $found := list -}}
{{- with include "vote.redis.existingSecret" . -}}
{{- $keys := list (include "vote.redis.secretKey" $) -}}
{{- if $.Values.worker.keda.enabled -}}{{- $keys = append $keys (include "vote.redis.passwordKey" $) | uniq -}}{{- end -}}
{{- $found = append $found (concat (list .) $keys) -}}
{{- end -}}
{{- with include "vote.db.existingSecret" . -}}
{{- $keys := list $.Values.externalDatabase.existingSecretKey $.Values.externalDatabase.existingSecretResultKey -}}
{{- if include "vote.db.bundled" $ -}}{{- $keys = list "postgres-password" "worker-password" "result-password" -}}{{- end -}}
{{- $found = append $found (concat (list .) $keys) -}}
{{- end -}}
{{- with .Values.migration.existingSecret -}}
{{- if include "vote.migration" $ -}}{{- $found = append $found (list . "DB_USER" "DB_PASS") -}}{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end }}

{{/* Where the database is, as settings of a service: list ROOT ROLE. */}}
{{- define "vote.db.settings" -}}
{{- $root := index . 0 -}}{{- $role := index . 1 -}}{{- $external := $root.Values.externalDatabase -}}
{{- if include "vote.db.bundled" $root -}}
DB_HOST: {{ include "vote.db.fullname" $root | quote }}
DB_NAME: voting
DB_USER: {{ $role }}
{{- else -}}
DB_HOST: {{ $external.host | quote }}
DB_PORT: {{ $external.port | quote }}
DB_NAME: {{ $external.name | quote }}
DB_USER: {{ eq $role "result" | ternary (default $external.user $external.resultUser) $external.user | quote }}
{{- end }}
{{- end }}

{{/* A password that survives upgrades: list ROOT SECRET KEY GIVEN. To be asked for once in a rendering. */}}
{{- define "vote.password" -}}
{{- $root := index . 0 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- if index . 3 }}{{ index . 3 }}
{{- else if and $found $found.data (hasKey $found.data (index . 2)) }}{{ index $found.data (index . 2) | b64dec }}
{{- else }}{{ randAlphaNum 32 }}{{ end -}}
{{- end }}
