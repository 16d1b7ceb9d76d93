{{/* How many CPUs the server is told that it has. */}}

{{/*
The CPUs of the container by the downward API: its limit, or where it has none its request; and its request, which is the
limit where it is not given. The kubelet writes whole thousandths; a variable is expanded from those before it. A setting
in `config` is not set again: a variable would win over it.
*/}}
{{- define "longshore.cpuEnvironment" -}}
{{- $resources := include "longshore.resources" . | fromYaml }}
{{- $request := dig "cpu" $resources.limits.cpu $resources.requests }}
{{- $sources := dict }}
{{- if regexMatch "[1-9]" (toString $request) }}
{{- $_ := set $sources "LONGSHORE_CPUS" "requests.cpu" }}
{{- $_ := set $sources "LONGSHORE_CPU_REQUEST" "requests.cpu" }}
{{- end }}
{{- if regexMatch "[1-9]" (toString $resources.limits.cpu) }}{{- $_ := set $sources "LONGSHORE_CPUS" "limits.cpu" }}{{- end }}
{{- range keys .Values.config }}{{- $_ := unset $sources (printf "LONGSHORE_%s" (upper .)) }}{{- end }}
{{- range $name, $resource := $sources }}
{{- $helper := printf "%s_IN_THOUSANDTHS" (trimPrefix "LONGSHORE_" $name) }}
- name: {{ $helper }}
  valueFrom: {resourceFieldRef: {resource: {{ $resource }}, divisor: 1m}}
- {name: {{ $name }}, value: $({{ $helper }})m}
{{- end }}
{{- end }}
