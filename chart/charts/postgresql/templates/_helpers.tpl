{{/* Name of all resources. */}}
{{- define "postgresql.fullname" -}}
{{- default (printf "%s-db" .Release.Name) .Values.fullnameOverride -}}
{{- end }}

{{/* Name of the secret with the passwords. */}}
{{- define "postgresql.secret" -}}
{{- default (printf "%s-secret" (include "postgresql.fullname" .)) .Values.auth.existingSecret -}}
{{- end }}

{{/* Labels that select the pod. */}}
{{- define "postgresql.selectorLabels" -}}
app.kubernetes.io/name: db
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of the pod: without a version, because an upgrade of the chart should not restart the store. */}}
{{- define "postgresql.podLabels" -}}
{{ include "postgresql.selectorLabels" . }}
app.kubernetes.io/component: database
app.kubernetes.io/part-of: voting
{{- end }}

{{/* Labels of the other resources. */}}
{{- define "postgresql.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "postgresql.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Reference of the image. */}}
{{- define "postgresql.image" -}}
{{- with .Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag -}}
{{- end }}
