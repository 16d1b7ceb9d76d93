{{/* Labels, and faults of those that are given. */}}

{{/* Selectors use only these three labels: a label that may change cannot be in a selector. */}}
{{- define "longshore.selectorLabels" -}}
app.kubernetes.io/name: {{ include "longshore.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: server
{{- end }}

{{/* Labels of ours that no value changes: those of the selectors, and those by which Helm knows the release. */}}
{{- define "longshore.keptLabels" -}}
{{ include "longshore.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "longshore.chart" . }}
{{- end }}

{{/* Labels of every object: `commonLabels` over `part-of`, and the kept ones. */}}
{{- define "longshore.labels" -}}
{{- include "longshore.labelsWith" (list . dict) }}
{{- end }}

{{/* The same with labels of one kind of object: (context, labels). */}}
{{- define "longshore.labelsWith" -}}
{{- $context := first . }}
{{- $kept := include "longshore.keptLabels" $context | fromYaml }}
{{- $ours := dict "app.kubernetes.io/part-of" "longshore" }}
{{- merge (deepCopy (last .)) $kept $context.Values.commonLabels $ours | toYaml }}
{{- end }}

{{/* Labels of the pods: none that changes with the chart's version alone, which would restart every model. */}}
{{- define "longshore.podLabels" -}}
{{- $ours := dict "app.kubernetes.io/part-of" "longshore" }}
{{- $selected := include "longshore.selectorLabels" . | fromYaml }}
{{- merge (deepCopy .Values.podLabels) $selected .Values.commonLabels $ours | toYaml }}
{{- end }}

{{/* The label by which the ServiceMonitor finds the headless Service; GitOps tools rewrite those of app.kubernetes.io. */}}
{{- define "longshore.monitoredLabel" -}}
longshore/monitored: {{ include "longshore.fullname" . | quote }}
{{- end }}

{{- define "longshore.labelFaults" -}}
{{- $kept := include "longshore.keptLabels" . | fromYaml }}
{{- $metrics := .Values.metrics }}
{{- range $block, $labels := dict
    "commonLabels" .Values.commonLabels
    "podLabels" .Values.podLabels
    "service.labels" .Values.service.labels
    "service.selectorLabels" .Values.service.selectorLabels
    "metrics.podMonitor.labels" $metrics.podMonitor.labels
    "metrics.serviceMonitor.labels" $metrics.serviceMonitor.labels
    "metrics.prometheusRule.labels" $metrics.prometheusRule.labels
    "metrics.dashboard.labels" $metrics.dashboard.labels
}}
{{- range $label := keys $labels | sortAlpha }}
{{- if or (hasKey $kept $label) (hasPrefix "longshore/" $label) }}
- {{ printf "%s: %s is the chart's own label; choose another name" $block $label | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
