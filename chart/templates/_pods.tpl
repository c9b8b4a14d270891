{{/* The settings that all three services share: the config map's data. */}}
{{- define "vote.config" -}}
{{- range $index, $name := .Values.poll.options }}
OPTION_{{ substr $index (int (add1 $index)) "ABCDEFGHIJKLMNOPQRSTUVWXYZ" }}: {{ $name | quote }}
{{- end }}
{{- with .Values.poll.title }}
POLL_TITLE: {{ . | quote }}
{{- end }}
{{- with .Values.poll.closesAt }}
POLL_CLOSES_AT: {{ . | quote }}
{{- end }}
{{- if ne (include "vote.redis.variable" .) "REDIS_URL" }}
REDIS_HOST: {{ include "vote.redis.host" . | quote }}
{{- if ne (include "vote.redis.port" .) "6379" }}
REDIS_PORT: {{ include "vote.redis.port" . | quote }}
{{- end }}
{{- end }}
{{- if not (include "vote.redis.bundled" .) }}{{ with .Values.externalRedis.username }}
REDIS_USERNAME: {{ . | quote }}
{{- end }}{{ end }}
LOG_FORMAT: {{ .Values.log.format }}
{{- if ne .Values.log.level "info" }}
LOG_LEVEL: {{ .Values.log.level }}
{{- end }}
{{- end }}

{{/* What a change of rolls the pods: the settings, and the credentials that the values hold. */}}
{{- define "vote.checksum" -}}
{{- $redis := omit .Values.redis.auth "createSecret" -}}{{- $db := omit .Values.postgresql.auth "createSecret" -}}
{{- list (include "vote.config" .) .Values.externalRedis .Values.externalDatabase $redis $db | toJson | sha256sum -}}
{{- end }}

{{/* Where a container gets its settings from: list ROOT NAME MORE-ENV. */}}
{{- define "vote.env" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $redisSecret := include "vote.redis.secret" $root -}}
{{- $variable := include "vote.redis.variable" $root -}}
{{- $early := and (eq $name "migration") (include "vote.migration.hook" $root) -}}
envFrom:
{{- if $early }}
  - secretRef:
      name: {{ include "vote.name" (list $root "migration") }}
{{- else }}
  - configMapRef:
      name: {{ include "vote.name" (list $root "configmap") }}
{{- end }}
{{- if and (has $name (list "worker" "migration")) (not $early) }}
  - secretRef:
      name: {{ include "vote.name" (list $root "worker-db-secret") }}
{{- end }}
{{- if and (eq $name "migration") $root.Values.migration.existingSecret }}
  - secretRef:
      name: {{ $root.Values.migration.existingSecret | toYaml }}
{{- end }}
{{- $env := list -}}
{{- if and (eq $name "vote") $redisSecret -}}
{{- $env = append $env (dict "name" (printf "%s_FILE" $variable) "value" (printf "/run/secrets/redis/%s" (include "vote.redis.secretKey" $root))) -}}
{{- end -}}
{{- if eq $name "result" -}}
{{- $env = append $env (dict "name" "ENV_FILE" "value" "/run/secrets/result/.env") -}}
{{- end -}}
{{- if has $name (list "worker" "result") -}}
{{- with include "vote.redis.existingSecret" $root -}}
{{- $env = append $env (dict "name" $variable "valueFrom" (dict "secretKeyRef" (dict "name" . "key" (include "vote.redis.secretKey" $root)))) -}}
{{- end -}}
{{- end -}}
{{- if has $name (list "worker" "result" "migration") -}}
{{- with include "vote.db.existingSecret" $root -}}
{{- $key := eq $name "result" | ternary $root.Values.externalDatabase.existingSecretResultKey $root.Values.externalDatabase.existingSecretKey -}}
{{- if include "vote.db.bundled" $root -}}{{- $key = eq $name "result" | ternary "result-password" "worker-password" -}}{{- end -}}
{{- if not (and (eq $name "migration") $root.Values.migration.existingSecret) -}}
{{- $env = append $env (dict "name" "DB_PASS" "valueFrom" (dict "secretKeyRef" (dict "name" . "key" $key))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with concat $env (default list (index . 2)) }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether something else sets a service's replicas: "true" or nothing. */}}
{{- define "vote.scaled" -}}
{{- if or .autoscaling.enabled (dig "keda" "enabled" false .) }}true{{ end -}}
{{- end }}

{{/* Whether a Job applies the schema, also because there may be no worker: "true" or nothing. */}}
{{- define "vote.migration" -}}
{{- $worker := .Values.worker -}}
{{- $fewest := default false $worker.keda.enabled | ternary $worker.keda.minReplicas $worker.replicas -}}
{{- if or .Values.migration.enabled (and (not $worker.autoscaling.enabled) (eq (int $fewest) 0)) }}true{{ end -}}
{{- end }}

{{/* Whether that Job is a hook, before the release: "true" or nothing. */}}
{{- define "vote.migration.hook" -}}
{{- if and (include "vote.migration" .) (not (include "vote.db.bundled" .)) }}true{{ end -}}
{{- end }}

{{/* The volumes of a service's credentials, and the operator's own: list ROOT NAME. */}}
{{- define "vote.volumes" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- if and (eq $name "vote") (include "vote.redis.secret" $root) }}
- name: redis-secret
  secret:
    secretName: {{ include "vote.redis.secret" $root | toYaml }}
    defaultMode: 0440
    items:
      - key: {{ include "vote.redis.secretKey" $root | toYaml }}
        path: {{ include "vote.redis.secretKey" $root | toYaml }}
{{- end }}
{{- if eq $name "result" }}
- name: result-db-secret
  secret:
    secretName: {{ include "vote.name" (list $root "result-db-secret") }}
    defaultMode: 0440
    items:
      - key: .env
        path: .env
{{- end }}
{{- end }}
{{- define "vote.mounts" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- with $root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- if and (eq $name "vote") (include "vote.redis.secret" $root) }}
- name: redis-secret
  mountPath: /run/secrets/redis
  readOnly: true
{{- end }}
{{- if eq $name "result" }}
- name: result-db-secret
  mountPath: /run/secrets/result
  readOnly: true
{{- end }}
{{- end }}

{{/* The beginning of every pod of the project's own images: list ROOT SETTINGS [EARLY]; early: before the release. */}}
{{- define "vote.pod" -}}
{{- $root := index . 0 -}}{{- $settings := index . 1 -}}
{{- $account := include "vote.serviceAccountName" $root -}}
{{- $early := and (gt (len .) 2) $root.Values.serviceAccount.create -}}
{{- if not (or (eq $account "default") $early) }}
serviceAccountName: {{ $account | toYaml }}
{{- end }}
automountServiceAccountToken: false
# Else the Services named redis and db would set REDIS_PORT and DB_PORT to URLs.
enableServiceLinks: false
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.priorityClassName }}
priorityClassName: {{ toYaml . }}
{{- end }}
{{- end }}

{{/* The image, its rights and its size: list ROOT IMAGE-VALUES RESOURCES. */}}
{{- define "vote.container" -}}
{{- $root := index . 0 -}}
image: {{ include "vote.image" (list $root (index . 1)) | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
resources:
  {{- toYaml (index . 2) | nindent 2 }}
securityContext:
  {{- toYaml $root.Values.containerSecurityContext | nindent 2 }}
{{- end }}

{{/* The init container that waits for the stores: list ROOT NAME SETTINGS STORES. */}}
{{- define "vote.wait" -}}
{{- $root := index . 0 -}}{{- $settings := index . 2 -}}
- name: wait
  {{- include "vote.container" (list $root $settings.image $settings.resources) | nindent 2 }}
  args: [python, -m, common.wait, {{ join ", " (index . 3) }}, --timeout, {{ $root.Values.waitTimeout | int64 | quote }}]
  {{- include "vote.env" (list $root (index . 1) $settings.extraEnv) | nindent 2 }}
  {{- with include "vote.mounts" (list $root (index . 1)) | trim }}
  volumeMounts:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* A probe by HTTP: PATH PERIOD TIMEOUT FAILURES. */}}
{{- define "vote.probe" -}}
httpGet:
  path: {{ index . 0 }}
  port: http
periodSeconds: {{ index . 1 }}
timeoutSeconds: {{ index . 2 }}
failureThreshold: {{ index . 3 }}
{{- end }}

{{/* The Deployment of a service; root, name, component, port, stores (to wait for), env (more of it). */}}
{{- define "vote.deployment" -}}
{{- $root := .root -}}{{- $name := .name -}}{{- $settings := index $root.Values .name -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "vote.name" (list $root $name) }}
  {{- include "vote.metadata" . | nindent 2 }}
spec:
  {{- if not (include "vote.scaled" $settings) }}
  replicas: {{ $settings.replicas | int64 }}
  {{- else }}{{ with lookup "apps/v1" "Deployment" $root.Release.Namespace (include "vote.name" (list $root $name)) }}
  # What it has: without the field, it would have one until the autoscaler looks again.
  replicas: {{ .spec.replicas | int64 }}
  {{- end }}{{ end }}
  revisionHistoryLimit: 3
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "vote.selector" (list $root $name) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "vote.podLabels" (list $root $name .component) | nindent 8 }}
        {{- with $settings.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/settings: {{ include "vote.checksum" $root }}
        {{- with $settings.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "vote.pod" (list $root $settings) | nindent 6 }}
      terminationGracePeriodSeconds: {{ $settings.terminationGracePeriodSeconds | int64 }}
      {{- with $settings.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        - {{ toYaml . | nindent 10 | trim }}
          {{- if not (hasKey . "labelSelector") }}
          labelSelector:
            matchLabels:
              {{- include "vote.selector" (list $root $name) | nindent 14 }}
          {{- end }}
        {{- end }}
      {{- end }}
      initContainers:
        {{- include "vote.wait" (list $root $name $settings .stores) | nindent 8 }}
      containers:
        - name: {{ $name }}
          {{- include "vote.container" (list $root $settings.image $settings.resources) | nindent 10 }}
          {{- include "vote.env" (list $root $name (concat .env (default list $settings.extraEnv))) | nindent 10 }}
          ports:
            - name: http
              containerPort: {{ .port }}
          startupProbe:
            {{- include "vote.probe" (list "/healthz" 1 3 60) | nindent 12 }}
          livenessProbe:
            {{- include "vote.probe" (list "/healthz" 10 3 3) | nindent 12 }}
          readinessProbe:
            {{- include "vote.probe" (list "/readyz" 2 2 2) | nindent 12 }}
          {{- with $settings.preStopSeconds }}
          lifecycle:
            preStop:
              # Requests still arrive until every node has heard that the pod is leaving.
              sleep:
                seconds: {{ . | int64 }}
          {{- end }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- include "vote.mounts" (list $root $name) | nindent 12 }}
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
        {{- include "vote.volumes" (list $root $name) | nindent 8 }}
{{- end }}

{{/* The Service of a page: list ROOT NAME. */}}
{{- define "vote.service" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $service := (index $root.Values $name).service -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "vote.name" (list $root $name) }}
  {{- include "vote.metadata" (dict "root" $root "name" $name "component" "frontend" "annotations" $service.annotations) | nindent 2 }}
spec:
  type: {{ $service.type }}
  selector:
    {{- include "vote.selector" (list $root $name) | nindent 4 }}
  ports:
    - name: http
      port: {{ $service.port }}
      targetPort: http
      {{- with $service.nodePort }}
      nodePort: {{ . }}
      {{- end }}
{{- end }}
