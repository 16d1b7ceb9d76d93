{{/* Where the pods may run: the fields of a pod spec, those that are set. */}}
{{- define "longshore.scheduling" -}}
{{- $tolerations := .Values.tolerations }}
{{- if eq .Values.device "gpu" }}{{- $tolerations = concat .Values.gpu.tolerations $tolerations }}{{- end }}
{{- $fields := dict
    "nodeSelector" .Values.nodeSelector
    "tolerations" $tolerations
    "affinity" .Values.affinity
    "topologySpreadConstraints" (include "longshore.topologySpreadConstraints" . | fromYamlArray)
    "priorityClassName" .Values.priorityClassName
    "runtimeClassName" .Values.runtimeClassName
    "schedulerName" .Values.schedulerName
}}
{{- range $name, $value := $fields }}
{{- if $value }}
{{ dict $name $value | toYaml }}
{{- end }}
{{- end }}
{{- end }}
