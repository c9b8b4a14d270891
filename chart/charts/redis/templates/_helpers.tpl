{{/* Name of all resources. */}}
{{- define "redis.fullname" -}}
{{- default (printf "%s-redis" .Release.Name) .Values.fullnameOverride -}}
{{- end }}

{{/* Name of the secret with the passwords. */}}
{{- define "redis.secret" -}}
{{- default (printf "%s-secret" (include "redis.fullname" .)) .Values.auth.existingSecret -}}
{{- end }}

{{/* Labels that select the pod. */}}
{{- define "redis.selectorLabels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of the pod: without a version, because an upgrade of the chart should not restart the store. */}}
{{- define "redis.podLabels" -}}
{{ include "redis.selectorLabels" . }}
app.kubernetes.io/component: queue
app.kubernetes.io/part-of: voting
{{- end }}

{{/* Labels of the other resources. */}}
{{- define "redis.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "redis.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Reference of the image. */}}
{{- define "redis.image" -}}
{{- with .Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag -}}
{{- end }}
