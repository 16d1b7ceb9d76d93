{{/* Names, labels and derived numbers. Nothing here prints a whole resource. */}}

{{- define "longshore.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "longshore.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "longshore.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "longshore.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "longshore.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Selectors hold these three alone: what may change never selects. */}}
{{- define "longshore.selectorLabels" -}}
app.kubernetes.io/name: {{ include "longshore.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "longshore.labels" -}}
{{ include "longshore.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: longshore
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "longshore.chart" . }}
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

{{/* The most pods that the release can have. */}}
{{- define "longshore.maxReplicas" -}}
{{- ternary .Values.replicas .Values.autoscaling.maxReplicas (eq .Values.autoscaling.mode "none") }}
{{- end }}

{{/* A number of seconds from `config`, or the server's own default. */}}
{{- define "longshore.seconds" -}}
{{- $defaults := dict "drain_delay_seconds" 5 "request_timeout_seconds" 30 "calibration_budget_seconds" 10 }}
{{- ternary (get .config .name) (get $defaults .name) (hasKey .config .name) }}
{{- end }}

{{/* Whether the cluster has the sleep hook (on by default since 1.30). */}}
{{- define "longshore.hasSleepHook" -}}
{{- if semverCompare ">=1.30.0-0" (default .Capabilities.KubeVersion.Version .Values.kubeVersion) }}true{{ end }}
{{- end }}

{{/* Seconds that the server accepts after SIGTERM; it takes over the pre-stop wait where nothing else can. */}}
{{- define "longshore.drainDelaySeconds" -}}
{{- $delay := include "longshore.seconds" (dict "config" .Values.config "name" "drain_delay_seconds") | float64 }}
{{- if include "longshore.hasSleepHook" . }}{{ $delay }}{{ else }}{{ addf $delay .Values.preStopSeconds }}{{ end }}
{{- end }}

{{/* Seconds from the closing of the listener to the end: the longest deadline and the batch that it may wait for. */}}
{{- define "longshore.drainTimeoutSeconds" -}}
{{- $deadline := include "longshore.seconds" (dict "config" .Values.config "name" "request_timeout_seconds") | float64 }}
{{- addf $deadline .Values.longestBatchSeconds }}
{{- end }}

{{/* One sum; the server receives the same numbers. */}}
{{- define "longshore.terminationGracePeriodSeconds" -}}
{{- $delay := include "longshore.seconds" (dict "config" .Values.config "name" "drain_delay_seconds") | float64 }}
{{- $sum := addf .Values.preStopSeconds $delay (include "longshore.drainTimeoutSeconds" . | float64) 5 | ceil | int64 }}
{{- ternary $sum .Values.terminationGracePeriodSeconds (kindIs "invalid" .Values.terminationGracePeriodSeconds) }}
{{- end }}

{{/* Seconds that a pod has to become ready. */}}
{{- define "longshore.startupSeconds" -}}
{{- $startup := .Values.probes.startup }}
{{- $device := ternary (ternary 60 0 (eq .Values.device "gpu")) $startup.deviceSeconds (kindIs "invalid" $startup.deviceSeconds) }}
{{- $calibration := include "longshore.seconds" (dict "config" .Values.config "name" "calibration_budget_seconds") | float64 }}
{{- $reading := divf $startup.modelMebibytes $startup.volumeMebibytesPerSecond }}
{{- $derived := mulf 1.5 (addf $reading $device $calibration 10) | ceil | int64 }}
{{- ternary $derived $startup.seconds (kindIs "invalid" $startup.seconds) }}
{{- end }}
