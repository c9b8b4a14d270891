{{/* Names, labels, image: this chart also stands alone, so it has them itself. */}}
{{- define "redis.fullname" -}}
{{- default (printf "%s-redis" .Release.Name) .Values.fullnameOverride -}}
{{- end }}

{{- define "redis.secret" -}}
{{- default (printf "%s-secret" (include "redis.fullname" .)) .Values.auth.existingSecret -}}
{{- end }}

{{- define "redis.selector" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end }}

{{- define "redis.podLabels" -}}
{{ include "redis.selector" . }}
app.kubernetes.io/component: queue
app.kubernetes.io/part-of: voting
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "redis.metadata" -}}
namespace: {{ .Release.Namespace | toYaml }}
labels:
  {{- include "redis.podLabels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "redis.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end }}

{{- define "redis.password" -}}
{{- $root := index . 0 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (include "redis.secret" $root) -}}
{{- if index . 2 }}{{ index . 2 }}
{{- else if and $found $found.data (hasKey $found.data (index . 1)) }}{{ index $found.data (index . 1) | b64dec }}
{{- else }}{{ randAlphaNum 32 }}{{ end -}}
{{- end }}

{{/* What a pod may be told besides: where to run, and what it is called. */}}
{{- define "redis.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ toYaml . }}
{{- end }}
{{- end }}

{{- define "redis.container" -}}
image: {{ include "redis.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* The claim of the data, or a folder that ends with the pod. */}}
{{- define "redis.claim" -}}
{{- with .Values.persistence -}}
volumeClaimTemplates:
  - metadata:
      name: data
      labels:
        app.kubernetes.io/part-of: voting
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClass }}
      storageClassName: {{ toYaml . }}
      {{- end }}
      resources:
        requests:
          storage: {{ toYaml .size }}
{{- end }}
{{- end }}
