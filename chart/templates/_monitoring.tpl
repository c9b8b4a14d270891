{{/* The metadata of what a Prometheus or a Grafana selects by labels: list ROOT NAME LABELS. */}}
{{- define "vote.monitoring" -}}
{{ include "vote.metadata" (dict "root" (index . 0) "name" (index . 1) "component" "monitoring" "labels" (index . 2)) }}
{{- end }}
