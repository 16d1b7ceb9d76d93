{{/* The image, and the Secrets for pulling it; `global` is that of the charts of a parent. */}}

{{/* The repository; `global.imageRegistry` takes the place of its registry, or is put before it. */}}
{{- define "longshore.repository" -}}
{{- $repository := .Values.image.repository }}
{{- with get (default dict .Values.global) "imageRegistry" }}
{{- $parts := splitList "/" $repository }}
{{- $host := first $parts }}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" $host) }}{{ $repository = rest $parts | join "/" }}{{ end }}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}
{{- end }}
{{- $repository }}
{{- end }}

{{- define "longshore.image" -}}
{{- $tag := default (printf "%s-%s" .Chart.AppVersion .Values.device) .Values.image.tag }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" (include "longshore.repository" .) .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" (include "longshore.repository" .) $tag }}
{{- end }}
{{- end }}

{{/* Names or blocks with a name, once each. */}}
{{- define "longshore.imagePullSecrets" -}}
{{- $names := list }}
{{- range concat (get (default dict .Values.global) "imagePullSecrets" | default list) .Values.imagePullSecrets }}
{{- $names = append $names (ternary . (get (ternary dict . (kindIs "string" .)) "name") (kindIs "string" .)) }}
{{- end }}
{{- range $names | uniq }}
- {name: {{ . | quote }}}
{{- end }}
{{- end }}
