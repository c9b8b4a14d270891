{{/* What contradicts the values in the cluster, as JSON; nothing where none is asked, as by `helm template`. */}}
{{- define "vote.clusterProblems" -}}
{{- $namespace := .Release.Namespace -}}
{{- $problems := list -}}
{{- range $keys := include "vote.existingKeys" . | fromJsonArray -}}
{{- $found := lookup "v1" "Secret" $namespace (first $keys) -}}
{{- range rest $keys -}}
{{- if and $found (not (hasKey (default dict $found.data) .)) -}}
{{- $problems = append $problems (printf "the secret %s has no key %s, which the pods need" (first $keys) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $owner := and (include "vote.migration" .) .Values.migration.existingSecret -}}
{{- /* Its Job would wait for it, and Helm for the Job. Each namespace has this config map: one that is seen says that a cluster is asked. */ -}}
{{- if and $owner (lookup "v1" "ConfigMap" $namespace "kube-root-ca.crt") (not (lookup "v1" "Secret" $namespace $owner)) -}}
{{- $problems = append $problems (printf "migration.existingSecret: the namespace %s has no secret %s: make it, with DB_USER and DB_PASS of the role that owns the schema" $namespace $owner) -}}
{{- end -}}
{{- if include "vote.redis.bundled" . -}}
{{- $given := dict "password" (pick .Values.redis.auth "password") -}}
{{- $problems = concat $problems (include "vote.storeProblems" (list . "redis" (include "vote.redis.fullname" .) (include "vote.redis.secret" .) $given) | fromJsonArray) -}}
{{- end -}}
{{- if include "vote.db.bundled" . -}}
{{- $auth := .Values.postgresql.auth -}}
{{- $given := dict "postgres-password" (pick $auth "postgresPassword") "worker-password" (pick $auth "workerPassword") "result-password" (pick $auth "resultPassword") -}}
{{- $problems = concat $problems (include "vote.storeProblems" (list . "postgresql" (include "vote.db.fullname" .) (include "vote.db.secret" .) $given) | fromJsonArray) -}}
{{- end -}}
{{- $problems | toJson -}}
{{- end }}

{{/* What the bundled store that runs has, and an upgrade cannot change: list ROOT STORE NAME SECRET PASSWORDS; these: for each key of the secret the value that sets it. */}}
{{- define "vote.storeProblems" -}}
{{- $root := index . 0 -}}{{- $store := index . 1 -}}{{- $name := index . 2 -}}{{- $secret := index . 3 -}}{{- $given := index . 4 -}}
{{- $values := index $root.Values $store -}}
{{- $problems := list -}}
{{- $running := lookup "apps/v1" "StatefulSet" $root.Release.Namespace $name -}}
{{- if $running -}}
{{- $claim := dig "spec" "volumeClaimTemplates" list $running | first | default dict -}}
{{- $has := dict "enabled" (not (empty $claim)) -}}
{{- $wanted := dict "enabled" $values.persistence.enabled -}}
{{- if and $has.enabled $wanted.enabled -}}
{{- $has = dict "size" (dig "spec" "resources" "requests" "storage" "" $claim) "storageClass" (dig "spec" "storageClassName" "" $claim) -}}
{{- $wanted = dict "size" (toYaml $values.persistence.size | trimAll "\"") "storageClass" (default "" $values.persistence.storageClass) -}}
{{- if eq (include "vote.bytes" $has.size) (include "vote.bytes" $wanted.size) -}}{{- $has = omit $has "size" -}}{{- end -}}
{{- end -}}
{{- range $key, $value := $has -}}
{{- if ne $value (index $wanted $key) -}}
{{- $problems = append $problems (printf "%s.persistence.%s is %v, and of the StatefulSet %s that runs it is %v, which Kubernetes never changes: docs/kubernetes.md says how it gets another volume" $store $key (index $wanted $key | toJson) $name (toJson $value)) -}}
{{- end -}}
{{- end -}}
{{- $mounted := list -}}
{{- range dig "spec" "template" "spec" "volumes" list $running -}}
{{- $mounted = append $mounted (dig "secret" "secretName" "" .) -}}
{{- end -}}
{{- if and (has $secret $mounted) (not $values.auth.existingSecret) -}}
{{- $found := default dict (lookup "v1" "Secret" $root.Release.Namespace $secret).data -}}
{{- range $key, $value := $given -}}
{{- if not (or (values $value | first) (hasKey $found $key)) -}}
{{- $problems = append $problems (printf "the secret %s no longer has the key %s, with which the StatefulSet %s runs: put back what it was, or set %s.auth.%s to a new password" $secret $key $name $store (keys $value | first)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range (lookup "apps/v1" "StatefulSet" $root.Release.Namespace "").items -}}
{{- $labels := default dict .metadata.labels -}}
{{- $is := and (eq (dig "app.kubernetes.io/instance" "" $labels) $root.Release.Name) (eq (dig "app.kubernetes.io/name" "" $labels) (eq $store "redis" | ternary "redis" "db")) -}}
{{- if and $is (ne .metadata.name $name) -}}
{{- $problems = append $problems (printf "%s.fullnameOverride: the StatefulSet %s would be replaced by an empty one, %s: a store that runs keeps its name" $store .metadata.name $name) -}}
{{- end -}}
{{- end -}}
{{- $problems | toJson -}}
{{- end }}
