{{/* The settings of the server. */}}

{{/* Settings that the chart derives, and from what. */}}
{{- define "longshore.derivedSettings" -}}
model_path: model.path
name: model.name
model_version: model.version
port: ports.http
management_port: ports.management
calibration_cache: a volume of the pod
tracing: tracing.endpoint
drain_timeout_seconds: config.request_timeout_seconds and longestBatchSeconds
{{- end }}

{{/* Settings that name a file: of a Secret that the chart mounts, or a path that something else puts there. */}}
{{- define "longshore.fileSettings" -}}
auth_token_file: auth
tls_cert_file: tls
tls_key_file: tls
{{- end }}

{{/* How a setting is given beside the chart's own way: `config`, `extraEnv`, `extraArgs` or nothing; (context, setting). */}}
{{- define "longshore.givenBy" -}}
{{- $values := (first .).Values }}
{{- $setting := last . }}
{{- $ways := list }}
{{- if get $values.config $setting }}{{ $ways = append $ways (printf "config.%s" $setting) }}{{ end }}
{{- $variable := printf "LONGSHORE_%s" (upper $setting) }}
{{- range $values.extraEnv }}
{{- if eq (get . "name" | toString) $variable }}{{ $ways = append $ways (printf "extraEnv: %s" $variable) }}{{ end }}
{{- end }}
{{- $flag := printf "--%s" (replace "_" "-" $setting) }}
{{- range $values.extraArgs }}
{{- if eq (splitList "=" . | first) $flag }}{{ $ways = append $ways (printf "extraArgs: %s" $flag) }}{{ end }}
{{- end }}
{{- join " and " $ways }}
{{- end }}

{{/* The scheme of the inference port. */}}
{{- define "longshore.scheme" -}}
{{- if or .Values.tls.existingSecret (include "longshore.givenBy" (list . "tls_cert_file")) }}https{{ else }}http{{ end }}
{{- end }}

{{/* Whether requests need a token. */}}
{{- define "longshore.needsToken" -}}
{{- if or .Values.auth.existingSecret (include "longshore.givenBy" (list . "auth_token_file")) }}true{{ end }}
{{- end }}

{{- define "longshore.fileFaults" -}}
{{- range $setting, $block := include "longshore.fileSettings" . | fromYaml }}
{{- $ways := include "longshore.givenBy" (list $ $setting) }}
{{- if and $ways (get (get $.Values $block) "existingSecret") }}
- {{ printf "%s: %s.existingSecret gives that file too; set one of them" $ways $block | quote }}
{{- end }}
{{- end }}
{{- $cert := include "longshore.givenBy" (list . "tls_cert_file") }}
{{- $key := include "longshore.givenBy" (list . "tls_key_file") }}
{{- if and $key (not $cert) (not .Values.tls.existingSecret) }}
- {{ printf "%s: a key needs its certificate: set config.tls_cert_file" $key | quote }}
{{- end }}
{{- end }}

{{/* The settings that the server receives: the derived ones, and `config`. */}}
{{- define "longshore.config" -}}
{{- $derived := dict
    "model_path" (include "longshore.modelPath" .)
    "name" (include "longshore.modelName" .)
    "port" (int .Values.ports.http)
    "management_port" (int .Values.ports.management)
    "calibration_cache" "/var/cache/longshore"
    "candidate_spread_seconds" 10.0
    "drain_delay_seconds" (include "longshore.drainDelaySeconds" . | float64)
    "drain_timeout_seconds" (include "longshore.drainTimeoutSeconds" . | float64)
}}
{{- with .Values.model.version }}{{- $_ := set $derived "model_version" (int64 .) }}{{- end }}
{{- if eq .Values.device "gpu" }}{{- $_ := set $derived "device" "cuda" }}{{- end }}
{{- if .Values.tracing.endpoint }}{{- $_ := set $derived "tracing" "otlp" }}{{- end }}
{{- if .Values.auth.existingSecret }}{{- $_ := set $derived "auth_token_file" "/etc/longshore/auth/tokens" }}{{- end }}
{{- if .Values.tls.existingSecret }}
{{- $_ := set $derived "tls_cert_file" "/etc/longshore/tls/tls.crt" }}
{{- $_ := set $derived "tls_key_file" "/etc/longshore/tls/tls.key" }}
{{- end }}
{{- mergeOverwrite $derived (omit .Values.config "drain_delay_seconds") | toYaml }}
{{- end }}
