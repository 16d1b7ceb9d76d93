{{/* What a schema cannot say: each fault in one sentence, with the way out. */}}
{{- define "longshore.validate" -}}
{{- $faults := concat
    (include "longshore.renamedFaults" . | fromYamlArray)
    (include "longshore.volumeFaults" . | fromYamlArray)
    (include "longshore.resourceFaults" . | fromYamlArray)
    (include "longshore.scalingFaults" . | fromYamlArray)
    (include "longshore.drainFaults" . | fromYamlArray)
}}
{{- if $faults }}{{ printf "\n- %s" (join "\n- " $faults) | fail }}{{ end }}
{{- end }}

{{/* Keys that other charts have, and what they are called here; the schema lets them pass as far as this. */}}
{{- define "longshore.renamedFaults" -}}
{{- if hasKey .Values "replicaCount" }}
- "replicaCount: the key is replicas"
{{- end }}
{{- if hasKey .Values "persistence" }}
- "persistence: the keys are model.existingClaim, model.claim and model.volume"
{{- end }}
{{- if hasKey .Values.autoscaling "enabled" }}
- "autoscaling.enabled: the key is autoscaling.mode, one of none, hpa and keda"
{{- end }}
{{- range list "targetCPUUtilizationPercentage" "targetMemoryUtilizationPercentage" }}
{{- if hasKey $.Values.autoscaling . }}
- "autoscaling.{{ . }}: the keys are autoscaling.metrics.cpu and autoscaling.metrics.memory"
{{- end }}
{{- end }}
{{- end }}

{{- define "longshore.volumeFaults" -}}
{{- $model := .Values.model }}
{{- $sources := 0 }}
{{- if $model.existingClaim }}{{ $sources = add1 $sources }}{{ end }}
{{- if $model.claim.create }}{{ $sources = add1 $sources }}{{ end }}
{{- if $model.volume }}{{ $sources = add1 $sources }}{{ end }}
{{- if ne (int $sources) 1 }}
- "model: set exactly one of existingClaim (a claim with the model on it), claim.create and volume; {{ $sources }} are set"
{{- end }}
{{- $pinned := hasKey .Values.nodeSelector "kubernetes.io/hostname" }}
{{- $replicas := include "longshore.maxReplicas" . | int }}
{{- if and (include "longshore.isSingleNodeVolume" .) (gt $replicas 1) (not $pinned) }}
- "model: the claim can be mounted on one node only (ReadWriteOnce), and up to {{ $replicas }} replicas are asked for: use a ReadWriteMany or ReadOnlyMany claim, one replica, or pin all pods to one node with nodeSelector kubernetes.io/hostname"
{{- end }}
{{- end }}

{{- define "longshore.resourceFaults" -}}
{{- $requests := default dict .Values.resources.requests }}
{{- $limits := default dict .Values.resources.limits }}
{{- if and $requests.memory $limits.memory (ne (toString $requests.memory) (toString $limits.memory)) }}
- "resources: requests.memory {{ $requests.memory }} and limits.memory {{ $limits.memory }} differ: state one of them, or both equal; a pod above its request is the first to be killed"
{{- end }}
{{- if hasKey (merge dict $limits $requests) .Values.gpu.resourceName }}
- "resources: {{ .Values.gpu.resourceName }} comes from gpu.resourceName and gpu.count; take it out of resources"
{{- end }}
{{- if eq .Values.profile "production" }}
{{- if not (and $requests.cpu (or $requests.memory $limits.memory)) }}
- "profile production: state resources.requests.cpu and resources.limits.memory, as measured for this model"
{{- end }}
{{- if lt (include "longshore.maxReplicas" . | int) 2 }}
- "profile production: one replica is an outage at every node drain: set replicas to 2 or more, or autoscaling.mode"
{{- end }}
{{- end }}
{{- end }}

{{- define "longshore.scalingFaults" -}}
{{- $scaling := .Values.autoscaling }}
{{- if ne $scaling.mode "none" }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
- "autoscaling: minReplicas {{ $scaling.minReplicas }} is more than maxReplicas {{ $scaling.maxReplicas }}"
{{- end }}
{{- $on := $scaling.custom }}
{{- range $name, $target := $scaling.metrics }}{{ if $target }}{{ $on = append $on $name }}{{ end }}{{ end }}
{{- if not $on }}
- "autoscaling: mode {{ $scaling.mode }} has no metric: set one of autoscaling.metrics, such as utilization: 0.7"
{{- end }}
{{- end }}
{{- if eq $scaling.mode "keda" }}
{{- if not $scaling.keda.serverAddress }}
- "autoscaling: mode keda needs autoscaling.keda.serverAddress, such as http://prometheus-operated.monitoring:9090"
{{- end }}
{{- if and $scaling.metrics.latencyP95 (not $scaling.metrics.utilization) (not $scaling.metrics.requestsPerSecond) (not $scaling.metrics.concurrency) }}
- "autoscaling: KEDA's fallback does not cover latencyP95: set utilization, requestsPerSecond or concurrency beside it"
{{- end }}
{{- end }}
{{- $budget := .Values.podDisruptionBudget }}
{{- if not (or (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable)) }}
- "podDisruptionBudget: set minAvailable or maxUnavailable, not both"
{{- end }}
{{- end }}

{{- define "longshore.drainFaults" -}}
{{- $sum := include "longshore.terminationGracePeriodSeconds" (merge (dict "Values" (merge (dict "terminationGracePeriodSeconds" nil) (omit .Values "terminationGracePeriodSeconds"))) (omit . "Values")) | int }}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if and (not (kindIs "invalid" $given)) (lt (int $given) $sum) }}
- "terminationGracePeriodSeconds: {{ $given }} is less than the drain needs, {{ $sum }} s: lower preStopSeconds, config.drain_delay_seconds, config.request_timeout_seconds or longestBatchSeconds, or leave it to the chart"
{{- end }}
{{- range list "model_path" "port" "management_port" "drain_timeout_seconds" "tls_cert_file" "tls_key_file" "auth_token_file" "calibration_cache" }}
{{- if hasKey $.Values.config . }}
- "config.{{ . }}: the chart sets it, from model.path, ports, tls, auth or the drain; take it out of config"
{{- end }}
{{- end }}
{{- end }}
