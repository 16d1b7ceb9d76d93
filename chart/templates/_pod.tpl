{{/* Blocks of the pod that are derived from several values. */}}

{{/* A surge of one pod during a rollout where there is a device and a volume for it; else the old pod is stopped first. */}}
{{- define "longshore.strategy" -}}
{{- $surge := 1 }}
{{- if eq .Values.device "gpu" }}
{{- $surge = min 1 (div (int .Values.gpu.spareCount) (.Values.gpu.count | float64 | int)) }}
{{- end }}
{{- if or (include "longshore.isSingleNodeVolume" .) (include "longshore.usesHostNetwork" .) }}{{- $surge = 0 }}{{- end }}
{{- $rolling := dict "maxSurge" $surge "maxUnavailable" (sub 1 $surge) }}
{{- default (dict "type" "RollingUpdate" "rollingUpdate" $rolling) .Values.strategy | toYaml }}
{{- end }}

{{/* Access modes of the claim: as given, else as in the cluster; none where they are not known. */}}
{{- define "longshore.accessModes" -}}
{{- if .Values.model.claim.create }}
{{- toYaml .Values.model.claim.accessModes }}
{{- else if .Values.model.existingClaim }}
{{- $claim := lookup "v1" "PersistentVolumeClaim" .Release.Namespace .Values.model.existingClaim | default dict }}
{{- default (dig "spec" "accessModes" list $claim) .Values.model.existingClaimAccessModes | toYaml }}
{{- end }}
{{- end }}

{{/* Whether one node at a time can mount the volume. */}}
{{- define "longshore.isSingleNodeVolume" -}}
{{- $modes := include "longshore.accessModes" . | fromYamlArray }}
{{- if and $modes (not (has "ReadWriteMany" $modes)) (not (has "ReadOnlyMany" $modes)) }}true{{ end }}
{{- end }}

{{/*
`replicas` of the Deployment: as given, unless an autoscaler sets it. Otherwise the field is left to whoever scales, and
stated only where the API server would reset an omitted one to 1: the live count, while Helm owns the field by server-side
apply (the first scaling takes it over), and always where Helm compares manifests, as Helm 3 does, and Helm 4 for releases of
Helm 3: a field of the last manifest must be in this one.
*/}}
{{- define "longshore.statedReplicas" -}}
{{- if and (eq .Values.autoscaling.mode "none") (not (kindIs "invalid" .Values.replicas)) }}
{{- .Values.replicas }}
{{- else }}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "longshore.fullname" .) | default dict }}
{{- $applies := false }}
{{- $owns := false }}
{{- range dig "metadata" "managedFields" list $live }}
{{- if not .subresource }}
{{- $applies = or $applies (eq .operation "Apply") }}
{{- $owns = or $owns (hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas") }}
{{- end }}
{{- end }}
{{- $compares := or (not $applies) (hasPrefix "v3" (default "v3" .Capabilities.HelmVersion.Version)) }}
{{- if and $live (or $owns $compares) }}{{ $live.spec.replicas }}{{ end }}
{{- end }}
{{- end }}

{{- define "longshore.topologySpreadConstraints" -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "longshore.selectorLabels" . | fromYaml)) }}
{{- $soft := dict "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash") }}
{{- $constraints := .Values.topologySpreadConstraints }}
{{- if kindIs "invalid" $constraints }}
{{- $node := merge (dict "topologyKey" "kubernetes.io/hostname") $soft }}
{{- $zone := merge (dict "topologyKey" "topology.kubernetes.io/zone") $soft }}
{{- $constraints = list $node $zone }}
{{- end }}
{{- range $constraints }}
- {{- ternary . (merge (deepCopy .) $selector) (hasKey . "labelSelector") | toYaml | nindent 2 }}
{{- end }}
{{- end }}

{{/* The claim, or the volume block; read-only where its kind has such a field and the block does not set it. */}}
{{- define "longshore.modelVolume" -}}
{{- if .Values.model.volume }}
{{- $canSay := list "azureFile" "cephfs" "csi" "fc" "gcePersistentDisk" "iscsi" "nfs" "persistentVolumeClaim" "rbd" }}
{{- range $kind, $source := .Values.model.volume }}
{{- $isSilent := and (has $kind $canSay) (not (hasKey $source "readOnly")) }}
{{ dict $kind (ternary (merge (dict "readOnly" true) $source) $source $isSilent) | toYaml }}
{{- end }}
{{- else -}}
persistentVolumeClaim:
  claimName: {{ include "longshore.claimName" . | quote }}
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

{{/* Annotations of the pods; those of the user win. */}}
{{- define "longshore.podAnnotations" -}}
{{- $checksum := dict "checksum/config" (include "longshore.config" . | sha256sum) }}
{{- merge (deepCopy .Values.podAnnotations) $checksum (include "longshore.scrapeAnnotations" . | fromYaml) | toYaml }}
{{- end }}
