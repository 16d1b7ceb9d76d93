{{/* The values, made ready for the templates; every template begins with it, and the first one does the work. */}}

{{/*
What files/value-types.json says of a value is done in place: null for a map or a list becomes an empty one, which is the
default of a map; a number or a boolean where Kubernetes wants a text becomes a text; the word `none` takes a default away.
*/}}
{{- define "longshore.values" -}}
{{- if not (hasKey .Values "typeFaults") }}
{{- $file := .Files.Get "files/value-types.json" | fromJson }}
{{- $faults := include "longshore.readBlock" (dict "value" .Values "block" $file.values "types" $file.types "path" "") | fromYamlArray }}
{{- $_ := set .Values "typeFaults" $faults }}
{{- range $block := list .Values.podSecurityContext .Values.securityContext .Values.autoscaling.metrics }}
{{- range $key, $value := $block }}{{ if eq (toString $value) "none" }}{{ $_ := unset $block $key }}{{ end }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "longshore.typeFaults" -}}
{{- .Values.typeFaults | toYaml }}
{{- end }}

{{/* The keys of a block, by their types. */}}
{{- define "longshore.readBlock" -}}
{{- range $key, $type := .block }}
{{- if or (hasKey $.value $key) (hasKey $type "default") }}
{{- include "longshore.readValue" (dict "in" $.value "key" $key "type" $type "types" $.types "path" (printf "%s.%s" $.path $key | trimPrefix ".")) }}
{{- end }}
{{- end }}
{{- end }}

{{/* One value of the map `in`; prints what is wrong with it as an item of a list. */}}
{{- define "longshore.readValue" -}}
{{- $type := .type }}
{{- if kindIs "invalid" (index .in .key) }}
{{- if hasKey $type "default" }}{{ $_ := set .in .key (deepCopy $type.default) }}{{ else }}{{ $_ := unset .in .key }}{{ end }}
{{- end }}
{{- $value := index .in .key }}
{{- if kindIs "map" $value }}
{{- range $name := splitList " " (default "" $type.is) | compact }}
{{- include "longshore.readValue" (dict "in" $.in "key" $.key "type" (get $.types $name | default dict) "types" $.types "path" $.path) }}
{{- include "longshore.blockFaults" (dict "name" $name "value" $value "path" $.path) }}
{{- end }}
{{- include "longshore.readBlock" (dict "value" $value "block" (default dict $type.block) "types" .types "path" .path) }}
{{- range $key := ternary (keys $value) list (hasKey $type "map") | sortAlpha }}
{{- include "longshore.readValue" (dict "in" $value "key" $key "type" $type.map "types" $.types "path" (printf "%s.%s" $.path $key)) }}
{{- end }}
{{- else if and (kindIs "slice" $value) (hasKey $type "list") }}
{{- $whole := list }}
{{- range $index, $item := $value }}
{{- $box := dict "item" $item }}
{{- include "longshore.readValue" (dict "in" $box "key" "item" "type" $type.list "types" $.types "path" (printf "%s[%d]" $.path $index)) }}
{{- $whole = concat $whole (values $box) }}
{{- end }}
{{- $_ := set .in .key $whole }}
{{- else if and (hasKey $type "text") (not (or (kindIs "string" $value) (kindIs "invalid" $value))) }}
{{- $text := include "longshore.text" $value }}
{{- if not (regexMatch (default "" $type.pattern) $text) }}
- {{ printf "%s: %s is not allowed here: what is allowed matches %s" .path $text $type.pattern | quote }}
{{- else if include "longshore.isUnsure" $value }}
- {{ printf "%s: %s was read as a number, and more than one text is read as that number: put it in quotes" .path $text | quote }}
{{- end }}
{{- $_ := set .in .key $text }}
{{- end }}
{{- end }}

{{/* A number or a boolean as it was most likely written: Helm reads 20261128 of a file as 2.0261128e+07. */}}
{{- define "longshore.text" -}}
{{- if not (typeIs "float64" .) }}{{ toString . }}
{{- else if eq (floor .) . }}{{ printf "%.0f" . }}
{{- else }}{{ toString . }}
{{- end }}
{{- end }}

{{/* Whether the text is lost: 1.10 is read as 1.1, and a long integer is rounded. */}}
{{- define "longshore.isUnsure" -}}
{{- if typeIs "float64" . }}
{{- if or (ne (floor .) .) (gt . 9007199254740991.0) (lt . -9007199254740991.0) }}true{{ end }}
{{- end }}
{{- end }}
