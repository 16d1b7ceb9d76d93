{{/* The settings of the server. */}}

{{/* Settings that the chart derives, and from what. */}}
{{- define "longshore.derivedSettings" -}}
model_path: model.path
name: model.name
port: ports.http
management_port: ports.management
calibration_cache: a volume of the pod
drain_timeout_seconds: config.request_timeout_seconds and longestBatchSeconds
auth_token_file: auth
tls_cert_file: tls
tls_key_file: tls
{{- end }}

{{/* The settings that the server receives: the derived ones, and `config`. */}}
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
{{- mergeOverwrite $derived (omit .Values.config "drain_delay_seconds") | toYaml }}
{{- end }}
