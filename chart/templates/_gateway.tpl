{{/*
Defaults of the Gateway API's definitions, written out: the API server fills them in, and a tool that compares lists as they
are rendered, as Argo CD does, would show a difference for ever.
*/}}

{{/* A block with the fields that it lacks; (block, fields). Zero and the empty text are values, which `merge` overwrites. */}}
{{- define "longshore.filled" -}}
{{- $block := deepCopy (first .) }}
{{- range $key, $value := last . }}
{{- if not (hasKey $block $key) }}{{- $_ := set $block $key $value }}{{- end }}
{{- end }}
{{- toYaml $block }}
{{- end }}

{{- define "longshore.parentRefs" -}}
{{- $list := list }}
{{- range . }}
{{- $list = append $list (include "longshore.filled" (list . (dict "group" "gateway.networking.k8s.io" "kind" "Gateway")) | fromYaml) }}
{{- end }}
{{- toYaml $list }}
{{- end }}

{{- define "longshore.backends" -}}
{{- $list := list }}
{{- range . }}
{{- $backend := include "longshore.filled" (list . (dict "group" "" "kind" "Service" "weight" 1)) | fromYaml }}
{{- with .filters }}{{- $_ := set $backend "filters" (include "longshore.filters" . | fromYamlArray) }}{{- end }}
{{- $list = append $list $backend }}
{{- end }}
{{- toYaml $list }}
{{- end }}

{{- define "longshore.matches" -}}
{{- $list := list }}
{{- range . }}
{{- $match := deepCopy . }}
{{- $path := get . "path" | default dict }}
{{- $_ := set $match "path" (include "longshore.filled" (list $path (dict "type" "PathPrefix" "value" "/")) | fromYaml) }}
{{- range $field := list "headers" "queryParams" }}
{{- $entries := list }}
{{- range get $match $field | default list }}
{{- $entries = append $entries (include "longshore.filled" (list . (dict "type" "Exact")) | fromYaml) }}
{{- end }}
{{- if $entries }}{{- $_ := set $match $field $entries }}{{- end }}
{{- end }}
{{- $list = append $list $match }}
{{- end }}
{{- toYaml $list }}
{{- end }}

{{- define "longshore.filters" -}}
{{- $list := list }}
{{- range . }}
{{- $filter := deepCopy . }}
{{- range $field, $fields := dict "requestRedirect" (dict "statusCode" 302) "cors" (dict "maxAge" 5) }}
{{- with get $filter $field }}{{- $_ := set $filter $field (include "longshore.filled" (list . $fields) | fromYaml) }}{{- end }}
{{- end }}
{{- with .requestMirror }}
{{- $mirror := deepCopy . }}
{{- range $field, $fields := dict "backendRef" (dict "group" "" "kind" "Service") "fraction" (dict "denominator" 100) }}
{{- with get $mirror $field }}{{- $_ := set $mirror $field (include "longshore.filled" (list . $fields) | fromYaml) }}{{- end }}
{{- end }}
{{- $_ := set $filter "requestMirror" $mirror }}
{{- end }}
{{- $list = append $list $filter }}
{{- end }}
{{- toYaml $list }}
{{- end }}
