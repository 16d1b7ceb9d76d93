{{/* Names, labels and facts of the release. Nothing here prints a whole resource. */}}

{{/* The chart's name; in a parent chart, the alias that its dependency has there. */}}
{{- define "longshore.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The alias under which a parent chart has this one, or nothing. Helm 3 had no Chart.IsRoot at first. */}}
{{- define "longshore.alias" -}}
{{- if and (contains "/charts/" .Template.BasePath) (ne .Chart.Name "longshore") }}{{ .Chart.Name }}{{ end }}
{{- end }}

{{/*
The name of every object: a DNS label that begins with a letter, as a Service needs it, of at most 46 characters. To a pod's
name Kubernetes adds 17 and cuts at 63, and queries find the pods by the whole name. A name that does not fit is changed and
ends in a hash of what it was, so that no two releases share it. Neither may it be a word that YAML reads as something else.
A chart's name that the release's holds is not repeated, except that of an alias: the release's may hold two of them.
*/}}
{{- define "longshore.fullname" -}}
{{- $name := include "longshore.name" . }}
{{- $isSaid := and (contains $name .Release.Name) (not (include "longshore.alias" .)) }}
{{- $derived := ternary .Release.Name (printf "%s-%s" .Release.Name $name) $isSaid }}
{{- $whole := default $derived .Values.fullnameOverride }}
{{- $isLabel := regexMatch "^[a-z]([-a-z0-9]{0,44}[a-z0-9])?$" $whole }}
{{- if and $isLabel (not (has $whole (list "y" "n" "yes" "no" "on" "off" "true" "false" "null"))) }}
{{- $whole }}
{{- else }}
{{- $readable := lower $whole | replace "." "-" | replace "_" "-" }}
{{- if not (regexMatch "^[a-z]" $readable) }}{{ $readable = printf "r-%s" $readable }}{{ end }}
{{- printf "%s-%s" (trunc 37 $readable | trimSuffix "-") (sha256sum $whole | trunc 8) }}
{{- end }}
{{- end }}

{{- define "longshore.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "longshore.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "longshore.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "longshore.modelName" -}}
{{- $default := include "longshore.alias" . | trimAll "-_" | default .Release.Name }}
{{- default $default .Values.model.name }}
{{- end }}

{{- define "longshore.modelPath" -}}
{{- printf "/models/%s" (trimAll "/" .Values.model.path) | trimSuffix "/" }}
{{- end }}

{{- define "longshore.claimName" -}}
{{- default (printf "%s-model" (include "longshore.fullname" .)) .Values.model.existingClaim }}
{{- end }}

{{- define "longshore.kubeVersion" -}}
{{- default .Capabilities.KubeVersion.Version .Values.kubeVersion }}
{{- end }}

{{/* The number of pods without an autoscaler: as given, else as many as run, else one. */}}
{{- define "longshore.replicas" -}}
{{- if kindIs "invalid" .Values.replicas }}
{{- lookup "apps/v1" "Deployment" .Release.Namespace (include "longshore.fullname" .) | default dict | dig "spec" "replicas" 1 }}
{{- else }}
{{- .Values.replicas }}
{{- end }}
{{- end }}

{{/* The fewest and the most pods that the release can have. */}}
{{- define "longshore.minReplicas" -}}
{{- if eq .Values.autoscaling.mode "none" }}{{ include "longshore.replicas" . }}{{ else }}{{ .Values.autoscaling.minReplicas }}{{ end }}
{{- end }}

{{- define "longshore.maxReplicas" -}}
{{- if eq .Values.autoscaling.mode "none" }}{{ include "longshore.replicas" . }}{{ else }}{{ .Values.autoscaling.maxReplicas }}{{ end }}
{{- end }}
