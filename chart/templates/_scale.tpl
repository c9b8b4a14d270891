{{/* The autoscaler of a service, where its values ask for one: list ROOT NAME COMPONENT. */}}
{{- define "vote.autoscaler" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $component := index . 2 -}}
{{- with (index $root.Values $name).autoscaling }}{{ if .enabled -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "vote.name" (list $root $name) }}
  {{- include "vote.metadata" (dict "root" $root "name" $name "component" $component) | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "vote.name" (list $root $name) }}
  minReplicas: {{ .minReplicas | int64 }}
  maxReplicas: {{ .maxReplicas | int64 }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: {{ .scaleDownSeconds }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          # Absolute: the requests are small, so that the system fits a laptop, and no measure.
          type: AverageValue
          averageValue: {{ toYaml .targetCPU }}
{{- end }}{{ end }}
{{- end }}

{{/* The disruption budget of a service, where its values ask for one: list ROOT NAME COMPONENT. */}}
{{- define "vote.budget" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $component := index . 2 -}}
{{- with (index $root.Values $name).pdb }}{{ if .enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "vote.name" (list $root $name) }}
  {{- include "vote.metadata" (dict "root" $root "name" $name "component" $component) | nindent 2 }}
spec:
  maxUnavailable: {{ toYaml .maxUnavailable }}
  # A pod that is not ready anyway must not stop a drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "vote.selector" (list $root $name) | nindent 6 }}
{{- end }}{{ end }}
{{- end }}
