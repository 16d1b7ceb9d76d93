{{/* Blocks of the pod that are derived from several values. */}}

{{/* The server's settings: the user's, and those that the pod's shape decides. */}}
{{- define "longshore.config" -}}
{{- $derived := dict
    "model_path" (include "longshore.modelPath" .)
    "name" (include "longshore.modelName" .)
    "port" (int .Values.ports.http)
    "management_port" (int .Values.ports.management)
    "calibration_cache" "/var/cache/longshore"
    "drain_delay_seconds" (include "longshore.drainDelaySeconds" . | float64)
    "drain_timeout_seconds" (include "longshore.drainTimeoutSeconds" . | float64)
}}
{{- if eq .Values.device "gpu" }}{{- $_ := set $derived "device" "cuda" }}{{- end }}
{{- if .Values.auth.existingSecret }}{{- $_ := set $derived "auth_token_file" "/etc/longshore/auth/tokens" }}{{- end }}
{{- if .Values.tls.existingSecret }}
{{- $_ := set $derived "tls_cert_file" "/etc/longshore/tls/tls.crt" }}
{{- $_ := set $derived "tls_key_file" "/etc/longshore/tls/tls.key" }}
{{- end }}
{{- $user := omit .Values.config "drain_delay_seconds" }}
{{- mergeOverwrite $derived (deepCopy $user) | toYaml }}
{{- end }}

{{/* `resources` or the device's default, memory's limit equal to its request, and the GPUs. */}}
{{- define "longshore.resources" -}}
{{- $given := default (get .Values.resourceDefaults .Values.device) .Values.resources | deepCopy }}
{{- $requests := default dict $given.requests }}
{{- $limits := default dict $given.limits }}
{{- $memory := default $requests.memory $limits.memory }}
{{- if $memory }}
{{- $_ := set $limits "memory" $memory }}
{{- $_ := set $requests "memory" $memory }}
{{- end }}
{{- if eq .Values.device "gpu" }}
{{- $_ := set $limits .Values.gpu.resourceName (int .Values.gpu.count) }}
{{- $_ := set $requests .Values.gpu.resourceName (int .Values.gpu.count) }}
{{- end }}
{{- merge (dict "requests" $requests "limits" $limits) (omit $given "requests" "limits") | toYaml }}
{{- end }}

{{/* One more pod during a rollout, where there is a device and a volume for it; else the old one goes first. */}}
{{- define "longshore.strategy" -}}
{{- $surge := 1 }}
{{- if eq .Values.device "gpu" }}
{{- $surge = min 1 (div (int .Values.gpu.spareCount) (int .Values.gpu.count)) }}
{{- end }}
{{- if include "longshore.isSingleNodeVolume" . }}{{- $surge = 0 }}{{- end }}
{{- $rolling := dict "maxSurge" $surge "maxUnavailable" (sub 1 $surge) }}
{{- default (dict "type" "RollingUpdate" "rollingUpdate" $rolling) .Values.strategy | toYaml }}
{{- end }}

{{/* Whether the volume can be mounted on one node at a time. */}}
{{- define "longshore.isSingleNodeVolume" -}}
{{- $modes := list }}
{{- if .Values.model.claim.create }}
{{- $modes = .Values.model.claim.accessModes }}
{{- else if .Values.model.existingClaim }}
{{- $claim := lookup "v1" "PersistentVolumeClaim" .Release.Namespace .Values.model.existingClaim }}
{{- $modes = dig "spec" "accessModes" list $claim }}
{{- end }}
{{- if and $modes (not (or (has "ReadWriteMany" $modes) (has "ReadOnlyMany" $modes))) }}true{{ end }}
{{- end }}

{{/*
`replicas` beside an autoscaler: only while Helm owns the field on the live Deployment, and then the live count. It is owned
from a time without autoscaler; leaving it out would let the API server fall back to 1. Once the autoscaler has
changed the count it owns the field, and Helm says nothing about it.
*/}}
{{- define "longshore.inheritedReplicas" -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "longshore.fullname" .) }}
{{- range dig "metadata" "managedFields" list $live }}
{{- if and (eq .manager "helm") (hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas") }}{{ $live.spec.replicas }}{{ end }}
{{- end }}
{{- end }}

{{- define "longshore.topologySpreadConstraints" -}}
{{- if kindIs "invalid" .Values.topologySpreadConstraints }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "longshore.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- else if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- end }}
{{- end }}

{{- define "longshore.modelVolume" -}}
{{- if .Values.model.volume }}
{{- toYaml .Values.model.volume }}
{{- else -}}
persistentVolumeClaim:
  claimName: {{ include "longshore.claimName" . }}
  readOnly: true
{{- end }}
{{- end }}

{{/* A probe of one health path on the management port, which answers when the event loop is busy. */}}
{{- define "longshore.probe" -}}
httpGet:
  path: {{ .path }}
  port: management
periodSeconds: {{ .probes.periodSeconds }}
timeoutSeconds: {{ .probes.timeoutSeconds }}
failureThreshold: {{ .failures }}
{{- end }}
