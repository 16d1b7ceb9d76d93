{{/* Seconds that follow from the values and from the settings that the server receives. */}}

{{/* A number from `config`, or the server's own default (held equal to the code by a test). */}}
{{- define "longshore.setting" -}}
{{- $defaults := dict "drain_delay_seconds" 5 "request_timeout_seconds" 30 "calibration_budget_seconds" 10 }}
{{- $own := get .config .name }}
{{- ternary (get $defaults .name) $own (has (toString $own) (list "" "<nil>")) }}
{{- end }}

{{/* Whether the cluster has the sleep hook (on by default since 1.30). */}}
{{- define "longshore.hasSleepHook" -}}
{{- if semverCompare ">=1.30.0-0" (include "longshore.kubeVersion" .) }}true{{ end }}
{{- end }}

{{/* Seconds for which the server accepts requests after SIGTERM; without a sleep hook they include that wait. */}}
{{- define "longshore.drainDelaySeconds" -}}
{{- $delay := include "longshore.setting" (dict "config" .Values.config "name" "drain_delay_seconds") | float64 }}
{{- if include "longshore.hasSleepHook" . }}{{ $delay }}{{ else }}{{ addf $delay .Values.preStopSeconds }}{{ end }}
{{- end }}

{{/* Seconds from the closing of the listener to the end: the longest deadline, and the batch that it may wait for. */}}
{{- define "longshore.drainTimeoutSeconds" -}}
{{- $deadline := include "longshore.setting" (dict "config" .Values.config "name" "request_timeout_seconds") | float64 }}
{{- addf $deadline .Values.longestBatchSeconds }}
{{- end }}

{{/* Seconds that a pod needs to terminate: the sum of numbers that the server receives too. */}}
{{- define "longshore.drainSumSeconds" -}}
{{- $delay := include "longshore.setting" (dict "config" .Values.config "name" "drain_delay_seconds") | float64 }}
{{- addf .Values.preStopSeconds $delay (include "longshore.drainTimeoutSeconds" . | float64) 5 | ceil | int64 }}
{{- end }}

{{- define "longshore.terminationGracePeriodSeconds" -}}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if kindIs "invalid" $given }}{{ include "longshore.drainSumSeconds" . }}{{ else }}{{ int64 $given }}{{ end }}
{{- end }}

{{/* Seconds that a pod needs to become ready: reading, device, calibration, warm-up and 10, times 1.5. A batch that was begun
may end after the calibration's budget; the warm-up executes one row and the largest batch. */}}
{{- define "longshore.startupSeconds" -}}
{{- $startup := .Values.probes.startup }}
{{- $device := ternary (ternary 60 0 (eq .Values.device "gpu")) $startup.deviceSeconds (kindIs "invalid" $startup.deviceSeconds) }}
{{- $calibration := include "longshore.setting" (dict "config" .Values.config "name" "calibration_budget_seconds") | float64 }}
{{- $reading := divf $startup.modelMebibytes $startup.volumeMebibytesPerSecond }}
{{- $derived := mulf 1.5 (addf $reading $device $calibration (mulf 3 .Values.longestBatchSeconds) 10) | ceil | int64 }}
{{- if kindIs "invalid" $startup.seconds }}{{ $derived }}{{ else }}{{ int64 $startup.seconds }}{{ end }}
{{- end }}
