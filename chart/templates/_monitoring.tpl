{{/* The kind of object by which an operator's Prometheus finds the pods, or nothing. */}}
{{- define "longshore.monitor" -}}
{{- $podMonitor := .Values.metrics.podMonitor.enabled }}
{{- if kindIs "invalid" $podMonitor }}
{{- $podMonitor = .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor" }}
{{- end }}
{{- if .Values.metrics.serviceMonitor.enabled }}ServiceMonitor
{{- else if $podMonitor }}PodMonitor
{{- end }}
{{- end }}

{{/* Annotations for a Prometheus that finds pods by them. */}}
{{- define "longshore.scrapeAnnotations" -}}
{{- $annotations := .Values.metrics.annotations.enabled }}
{{- if ternary (not (include "longshore.monitor" .)) $annotations (kindIs "invalid" $annotations) }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.ports.management | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- end }}

{{/* Label matchers of the release's own series: its Deployment's pods, which no other release's names match. */}}
{{- define "longshore.series" -}}
namespace="{{ .Release.Namespace }}",pod=~"{{ include "longshore.fullname" . }}-[a-z0-9]+-[a-z0-9]{5}"
{{- end }}

{{/* How many pods of the release are scraped. */}}
{{- define "longshore.podCount" -}}
count(count(longshore_build_info{ {{- include "longshore.series" . -}} }) by (pod))
{{- end }}

{{- define "longshore.metricsFaults" -}}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
- "metrics: podMonitor and serviceMonitor would both scrape every pod: enable one of them"
{{- end }}
{{- end }}
