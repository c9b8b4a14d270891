{{/* The Ingress of a page, where its values ask for one: list ROOT NAME. */}}
{{- define "vote.ingress" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- with (index $root.Values $name).ingress }}{{ if .enabled -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "vote.name" (list $root $name) }}
  {{- include "vote.metadata" (dict "root" $root "name" $name "component" "frontend" "annotations" .annotations) | nindent 2 }}
spec:
  {{- with .className }}
  ingressClassName: {{ toYaml . }}
  {{- end }}
  {{- if .tlsSecret }}
  tls:
    - hosts: [{{ .host | quote }}]
      secretName: {{ .tlsSecret | toYaml }}
  {{- end }}
  rules:
    - host: {{ .host | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "vote.name" (list $root $name) }}
                port:
                  name: http
{{- end }}{{ end }}
{{- end }}

{{/* The HTTPRoute of a page, where its values ask for one: list ROOT NAME. */}}
{{- define "vote.httproute" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- with (index $root.Values $name).httpRoute }}{{ if .enabled -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ include "vote.name" (list $root $name) }}
  {{- include "vote.metadata" (dict "root" $root "name" $name "component" "frontend" "annotations" .annotations) | nindent 2 }}
spec:
  parentRefs:
    {{- toYaml .parentRefs | nindent 4 }}
  {{- with .hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - backendRefs:
        - name: {{ include "vote.name" (list $root $name) }}
          port: {{ (index $root.Values $name).service.port }}
{{- end }}{{ end }}
{{- end }}
