{{/* What the API server refuses in a block of Kubernetes' own, and a schema cannot say; called for each block by _values.tpl. */}}

{{/* Faults of `value`, a block of the type `name`, as items of a list. */}}
{{- define "longshore.blockFaults" -}}
{{- $rule := dict "Toleration" "toleration" "EnvVar" "oneSource" "Volume" "oneVolume" "EnvFromSource" "oneReference"
    "NodeSelectorRequirement" "requirement" "LabelSelectorRequirement" "requirement" }}
{{- with get $rule .name }}
{{- with include (printf "longshore.%sFault" .) $.value | trim }}
- {{ printf "%s: %s" $.path . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "longshore.tolerationFault" -}}
{{- $operator := default "Equal" .operator }}
{{- if ne $operator "Exists" }}
{{- if not .key }}a toleration without a key needs operator Exists{{ end }}
{{- else if .value }}operator Exists takes no value: leave it out, or use operator Equal
{{- end }}
{{- if not (kindIs "invalid" .tolerationSeconds) }}
{{- if ne (default "" .effect) "NoExecute" }}tolerationSeconds needs effect NoExecute{{ end }}
{{- end }}
{{- end }}

{{- define "longshore.oneSourceFault" -}}
{{- if and .value .valueFrom }}value and valueFrom are both set: set one{{ end }}
{{- end }}

{{- define "longshore.oneVolumeFault" -}}
{{- $sources := omit . "name" | keys | sortAlpha }}
{{- if ne (len $sources) 1 }}a volume has one source, such as emptyDir: {}; found {{ join " and " $sources | default "none" }}{{ end }}
{{- end }}

{{- define "longshore.oneReferenceFault" -}}
{{- $sources := pick . "configMapRef" "secretRef" | keys | sortAlpha }}
{{- if ne (len $sources) 1 }}set one of configMapRef and secretRef; found {{ join " and " $sources | default "none" }}{{ end }}
{{- end }}

{{- define "longshore.requirementFault" -}}
{{- $values := default list .values }}
{{- $first := first $values | default "" | toString }}
{{- if has .operator (list "In" "NotIn") }}
{{- if not $values }}operator {{ .operator }} needs values{{ end }}
{{- else if has .operator (list "Exists" "DoesNotExist") }}
{{- if $values }}operator {{ .operator }} takes no values{{ end }}
{{- else if or (ne (len $values) 1) (not (regexMatch "^-?[0-9]+$" $first)) }}operator {{ .operator }} takes one value, an integer
{{- end }}
{{- end }}

{{/* Lists that null has emptied, past the schema, and that something which is on needs. */}}
{{- define "longshore.emptyFaults" -}}
{{- if and .Values.model.claim.create (not .Values.model.claim.accessModes) }}
- "model.claim.accessModes: a claim needs one, such as ReadWriteMany"
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
- "ingress.hosts: an Ingress needs one: set the name by which clients reach it"
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
- "httpRoute.parentRefs: an HTTPRoute needs a Gateway: set its name"
{{- end }}
{{- end }}
