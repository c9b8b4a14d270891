{{/* The name that all resources begin with. */}}
{{- define "vote.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* The name of one resource: list ROOT NAME. A release named "vote" calls its vote service just that. */}}
{{- define "vote.name" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $full := include "vote.fullname" $root -}}
{{- if eq $full $name }}{{ $name }}{{ else }}{{ printf "%s-%s" $full $name }}{{ end -}}
{{- end }}

{{- define "vote.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "vote.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end -}}
{{- end }}

{{/* What selects the pods of one component: list ROOT NAME. */}}
{{- define "vote.selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name | toYaml }}
{{- end }}

{{/* The labels of a pod: list ROOT NAME COMPONENT. */}}
{{- define "vote.podLabels" -}}
{{ include "vote.selector" . }}
app.kubernetes.io/component: {{ index . 2 }}
app.kubernetes.io/part-of: voting
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The metadata of a resource but its name; root, name, component, and maybe annotations, labels. */}}
{{- define "vote.metadata" -}}
{{- $root := .root -}}
namespace: {{ $root.Release.Namespace | toYaml }}
labels:
  {{- include "vote.podLabels" (list $root .name .component) | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version | replace "+" "_" }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default dict .annotations) (default dict $root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* An image: list ROOT IMAGE-VALUES. */}}
{{- define "vote.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ coalesce $image.tag $root.Values.image.tag $root.Chart.AppVersion }}{{ end -}}
{{- end }}
