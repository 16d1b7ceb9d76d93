{{/* Faults of the volume and the resources; see _validate.tpl. */}}

{{- define "longshore.volumeFaults" -}}
{{- $model := .Values.model }}
{{- $sources := list }}
{{- if $model.existingClaim }}{{ $sources = append $sources "existingClaim" }}{{ end }}
{{- if $model.claim.create }}{{ $sources = append $sources "claim.create" }}{{ end }}
{{- if $model.volume }}{{ $sources = append $sources "volume" }}{{ end }}
{{- if ne (len $sources) 1 }}
- "model: set exactly one of existingClaim (a claim with the model on it), claim.create and volume; found {{ join " and " $sources | default "none" }}"
{{- end }}
{{- if has ".." (splitList "/" $model.path) }}
- {{ printf "model.path: %s leads out of the volume: name a directory on it" $model.path | quote }}
{{- end }}
{{- $isPinned := hasKey .Values.nodeSelector "kubernetes.io/hostname" }}
{{- $replicas := include "longshore.maxReplicas" . | int }}
{{- if and (include "longshore.isSingleNodeVolume" .) (gt $replicas 1) (not $isPinned) }}
- "model: one node at a time can mount the claim ({{ include "longshore.accessModes" . | fromYamlArray | join ", " }}), and up to {{ $replicas }} replicas are asked for: use a claim that is ReadWriteMany or ReadOnlyMany, one replica, or pin all pods to one node with nodeSelector kubernetes.io/hostname"
{{- end }}
{{- end }}

{{/* The server runs on one CUDA device. */}}
{{- define "longshore.gpuFaults" -}}
{{- $gpu := .Values.gpu }}
{{- if ne ($gpu.count | float64) 1.0 }}
- "gpu.count: {{ $gpu.count }}: Kubernetes assigns whole devices, and the server uses one: use 1, and replicas for more; for a part of a device, set gpu.resourceName to a partition, such as nvidia.com/mig-1g.10gb or nvidia.com/gpu.shared"
{{- end }}
{{- $isKnown := or (hasPrefix "nvidia.com/" $gpu.resourceName) (get .Values.config "device" | toString | hasPrefix "cuda") }}
{{- if and (eq .Values.device "gpu") (not $isKnown) }}
- "gpu.resourceName: {{ $gpu.resourceName }}: the server uses devices of CUDA: use one of nvidia.com/, or set config.device: cuda where this resource is one by another name"
{{- end }}
{{- end }}

{{- define "longshore.resourceFaults" -}}
{{- $requests := default dict .Values.resources.requests }}
{{- $limits := default dict .Values.resources.limits }}
{{- range $name, $request := $requests }}
{{- if hasKey $limits $name }}
{{- $limit := get $limits $name }}
{{- $difference := subf (include "longshore.amount" $request | float64) (include "longshore.amount" $limit | float64) }}
{{- if has "none" (list (toString $request) (toString $limit)) }}
{{- else if and (eq $name "memory") (ne $difference 0.0) }}
- "resources: requests.memory {{ include "longshore.text" $request }} and limits.memory {{ include "longshore.text" $limit }} differ: set one of them, or both to the same; a pod above its request is the first to be killed"
{{- else if gt $difference 0.0 }}
- {{ printf "resources: requests.%s %s is more than limits.%s %s: lower the request, or raise the limit" $name (include "longshore.text" $request) $name (include "longshore.text" $limit) | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name := concat (keys $requests) (keys $limits) | uniq | sortAlpha }}
{{- if or (hasPrefix "nvidia.com/" $name) (eq $name $.Values.gpu.resourceName) }}
- "resources: {{ $name }}: GPUs are requested with device: gpu, gpu.resourceName and gpu.count; remove it from resources"
{{- end }}
{{- end }}
{{- if eq .Values.profile "production" }}
{{- $missing := list }}
{{- if not $requests.cpu }}{{ $missing = append $missing "resources.requests.cpu" }}{{ end }}
{{- if not $limits.cpu }}{{ $missing = append $missing "resources.limits.cpu" }}{{ end }}
{{- if not (or $requests.memory $limits.memory) }}{{ $missing = append $missing "resources.limits.memory" }}{{ end }}
{{- if $missing }}
- "profile production: {{ join ", " $missing }}: set what was measured for this model"
{{- end }}
{{- end }}
{{- $strategy := default dict .Values.strategy.rollingUpdate }}
{{- $none := list "0" "0%" }}
{{- if and (has (toString $strategy.maxSurge) $none) (has (toString $strategy.maxUnavailable) $none) }}
- "strategy: maxSurge {{ $strategy.maxSurge }} and maxUnavailable {{ $strategy.maxUnavailable }}: no pod may be added and none removed; raise one"
{{- end }}
{{- end }}
