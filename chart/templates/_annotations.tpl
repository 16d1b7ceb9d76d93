{{/* The annotations of an object: its own over `commonAnnotations`; (context, annotations). */}}
{{- define "longshore.annotations" -}}
{{- with merge (last . | deepCopy) (first .).Values.commonAnnotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Annotations that mean something to Helm would make hooks of the objects, or take them from the release. */}}
{{- define "longshore.annotationFaults" -}}
{{- range $block := list "commonAnnotations" "deploymentAnnotations" }}
{{- range $name := keys (get $.Values $block) | sortAlpha }}
{{- if or (hasPrefix "helm.sh/hook" $name) (hasPrefix "meta.helm.sh/" $name) }}
- {{ printf "%s: %s is read by Helm and would take objects out of the release; choose another name" $block $name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
