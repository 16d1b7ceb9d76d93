{{/* Names, labels and facts of the release. Nothing here prints a whole resource. */}}

{{- define "longshore.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 46 characters: Kubernetes adds a hash of ten and cuts at 58 what stands before a pod's last five. Queries name pods by it. */}}
{{- define "longshore.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else if contains (include "longshore.name" .) .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "longshore.name" .) | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "longshore.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Selectors hold these three alone: what may change never selects. */}}
{{- define "longshore.selectorLabels" -}}
app.kubernetes.io/name: {{ include "longshore.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: server
{{- end }}

{{- define "longshore.ownLabels" -}}
{{ include "longshore.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: longshore
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "longshore.chart" . }}
{{- end }}

{{- define "longshore.labels" -}}
{{ include "longshore.ownLabels" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "longshore.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "longshore.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "longshore.image" -}}
{{- $tag := default (printf "%s-%s" .Chart.AppVersion .Values.device) .Values.image.tag }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository $tag }}
{{- end }}
{{- end }}

{{- define "longshore.modelName" -}}
{{- default .Release.Name .Values.model.name }}
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

{{/* The fewest and the most pods that the release can have. */}}
{{- define "longshore.minReplicas" -}}
{{- ternary .Values.replicas .Values.autoscaling.minReplicas (eq .Values.autoscaling.mode "none") }}
{{- end }}

{{- define "longshore.maxReplicas" -}}
{{- ternary .Values.replicas .Values.autoscaling.maxReplicas (eq .Values.autoscaling.mode "none") }}
{{- end }}
