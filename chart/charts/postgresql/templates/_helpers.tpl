{{/* Names, labels, image: this chart also stands alone, so it has them itself. */}}
{{- define "postgresql.fullname" -}}
{{- default (printf "%s-db" .Release.Name) .Values.fullnameOverride -}}
{{- end }}

{{- define "postgresql.secret" -}}
{{- default (printf "%s-secret" (include "postgresql.fullname" .)) .Values.auth.existingSecret -}}
{{- end }}

{{- define "postgresql.selector" -}}
app.kubernetes.io/name: db
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end }}

{{- define "postgresql.podLabels" -}}
{{ include "postgresql.selector" . }}
app.kubernetes.io/component: database
app.kubernetes.io/part-of: voting
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "postgresql.metadata" -}}
namespace: {{ .Release.Namespace | toYaml }}
labels:
  {{- include "postgresql.podLabels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "postgresql.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end }}

{{- define "postgresql.password" -}}
{{- $root := index . 0 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (include "postgresql.secret" $root) -}}
{{- if index . 2 }}{{ index . 2 }}
{{- else if and $found $found.data (hasKey $found.data (index . 1)) }}{{ index $found.data (index . 1) | b64dec }}
{{- else }}{{ randAlphaNum 32 }}{{ end -}}
{{- end }}

{{/* What a pod may be told besides: where to run, and what it is called. */}}
{{- define "postgresql.pod" -}}
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

{{- define "postgresql.container" -}}
image: {{ include "postgresql.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* The claim of the data, or a folder that ends with the pod. */}}
{{- define "postgresql.claim" -}}
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
