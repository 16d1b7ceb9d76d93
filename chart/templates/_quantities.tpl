{{/* Quantities, durations, and what is made of `resources`. */}}

{{/* The number that a Kubernetes quantity stands for, so that 1024Mi and 1Gi are the same text. */}}
{{- define "longshore.amount" -}}
{{- $text := include "longshore.text" . }}
{{- $digits := regexFind "^[+-]?[0-9.]+" $text }}
{{- $suffix := trimPrefix $digits $text }}
{{- $factors := dict "" 1 "n" 0.000000001 "u" 0.000001 "m" 0.001 "k" 1000 "M" 1000000 "G" 1000000000
    "T" 1000000000000 "P" 1000000000000000 "E" 1000000000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824
    "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 }}
{{- $factor := get $factors $suffix }}
{{- if not (hasKey $factors $suffix) }}{{ $factor = printf "1%s" $suffix | float64 }}{{ end }}
{{- mulf (float64 $digits) $factor | printf "%.9f" }}
{{- end }}

{{/* Seconds of a duration of Prometheus, such as 500ms, 1m30s or 1h. */}}
{{- define "longshore.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 "y" 31536000 }}
{{- $sum := 0.0 }}
{{- range $part := regexFindAll "[0-9]+(ms|[smhdwy])" . -1 }}
{{- $number := regexFind "^[0-9]+" $part }}
{{- $sum = addf $sum (mulf (float64 $number) (get $units (trimPrefix $number $part))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/*
`resources` over the defaults of the device, without what is `none`, and the GPUs. The memory limit equals the request. A
default gives way to what was given: a default limit is at least the request, and a default request at most the limit.
*/}}
{{- define "longshore.resources" -}}
{{- $given := .Values.resources }}
{{- $defaults := get .Values.resourceDefaults .Values.device }}
{{- $both := dict }}
{{- range $side := list "requests" "limits" }}
{{- $block := get $defaults $side | default dict | deepCopy }}
{{- range $name, $value := get $given $side | default dict }}{{ $_ := set $block $name $value }}{{ end }}
{{- $_ := set $both $side $block }}
{{- end }}
{{- range $name := keys $both.requests $both.limits | uniq }}
{{- $isRequest := hasKey (default dict $given.requests) $name }}
{{- if ne $isRequest (hasKey (default dict $given.limits) $name) }}
{{- $value := get (ternary $both.requests $both.limits $isRequest) $name }}
{{- $other := ternary $both.limits $both.requests $isRequest }}
{{- $isLess := lt (include "longshore.amount" (get $other $name) | float64) (include "longshore.amount" $value | float64) }}
{{- $mayYield := and (hasKey $other $name) (ne (get $other $name | toString) "none") }}
{{- if and (ne (toString $value) "none") (or (eq $name "memory") (and $mayYield (eq $isLess $isRequest))) }}
{{- $_ := set $other $name $value }}
{{- end }}
{{- end }}
{{- end }}
{{- range $block := list $both.requests $both.limits }}
{{- range $name, $value := $block }}{{ if eq (toString $value) "none" }}{{ $_ := unset $block $name }}{{ end }}{{ end }}
{{- if and (eq $.Values.device "gpu") (not $given.claims) }}{{ $_ := set $block $.Values.gpu.resourceName ($.Values.gpu.count | float64 | int) }}{{ end }}
{{- end }}
{{- merge $both (omit $given "requests" "limits") (omit $defaults "requests" "limits") | toYaml }}
{{- end }}
