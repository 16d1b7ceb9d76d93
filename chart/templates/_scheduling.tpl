{{/* Tolerations for nodes with devices: as given, else for the taints that carry the resource's name, or its vendor's. */}}
{{- define "longshore.deviceTolerations" -}}
{{- if ne .Values.device "gpu" }}
{{- list | toYaml }}
{{- else if kindIs "invalid" .Values.gpu.tolerations }}
{{- $vendor := splitList "/" .Values.gpu.resourceName | first }}
{{- range list (printf "%s/gpu" $vendor) .Values.gpu.resourceName | uniq }}
- {key: {{ . }}, operator: Exists}
{{- end }}
{{- else }}
{{- toYaml .Values.gpu.tolerations }}
{{- end }}
{{- end }}

{{/* Where the pods may run: the fields of a pod spec, those that are set. */}}
{{- define "longshore.scheduling" -}}
{{- $tolerations := concat (include "longshore.deviceTolerations" . | fromYamlArray) .Values.tolerations }}
{{- $fields := dict
    "nodeSelector" (merge (deepCopy .Values.nodeSelector) (dict "kubernetes.io/os" "linux"))
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
