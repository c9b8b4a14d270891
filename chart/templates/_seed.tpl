{{/* The pod that votes as voters do and checks the result: list ROOT VOTES SPLIT. */}}
{{- define "vote.seedPod" -}}
{{- $root := index . 0 -}}
{{- include "vote.pod" (list $root dict) }}
restartPolicy: Never
containers:
  - name: seed
    {{- include "vote.container" (list $root $root.Values.seed.image $root.Values.seed.resources) | nindent 4 }}
    args:
      - --votes={{ index . 1 | int64 }}
      - --split={{ index . 2 }}
      - --timeout={{ $root.Values.waitTimeout | int64 }}
      - --url=http://{{ include "vote.name" (list $root "vote") }}:{{ $root.Values.vote.service.port }}
      - --verify=http://{{ include "vote.name" (list $root "result") }}:{{ $root.Values.result.service.port }}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
{{- end }}
