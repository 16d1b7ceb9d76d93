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
namespace="{{ .Release.Namespace }}",pod=~"{{ include "longshore.fullname" . }}-[a-z0-9]+-[a-z0-9]{5}"{{ include "longshore.matchers" . }}
{{- end }}

{{/* Further matchers, after those of the release. */}}
{{- define "longshore.matchers" -}}
{{- range $label, $value := .Values.metrics.matchers }},{{ $label }}={{ toJson $value }}{{ end }}
{{- end }}

{{/* How many pods of the release are scraped. */}}
{{- define "longshore.podCount" -}}
count(count(longshore_build_info{ {{- include "longshore.series" . -}} }) by (pod))
{{- end }}

{{/* Seconds between two scrapes of a pod. */}}
{{- define "longshore.scrapeSeconds" -}}
{{- $values := dict "PodMonitor" .Values.metrics.podMonitor "ServiceMonitor" .Values.metrics.serviceMonitor }}
{{- $monitor := include "longshore.monitor" . | trim }}
{{- include "longshore.seconds" (get $values $monitor | default .Values.metrics.annotations).interval }}
{{- end }}

{{/* `window`, or four scrapes where it is shorter: two samples are left in the window of a rate when a scrape fails. */}}
{{- define "longshore.atLeastFourScrapes" -}}
{{- $four := include "longshore.scrapeSeconds" .root | float64 | mulf 4 | ceil | int64 }}
{{- if ge (include "longshore.seconds" .window | float64) (float64 $four) }}{{ .window }}
{{- else if eq (mod $four 60) 0 }}{{ div $four 60 }}m
{{- else }}{{ $four }}s
{{- end }}
{{- end }}

{{/* The window of the autoscaler's rates; it does not look more often than every 15 s. */}}
{{- define "longshore.window" -}}
{{- include "longshore.atLeastFourScrapes" (dict "root" . "window" "20s") }}
{{- end }}

{{/* As given, or 10s where that is not longer than the interval. */}}
{{- define "longshore.scrapeTimeout" -}}
{{- $longest := ternary "10s" .interval (ge (include "longshore.seconds" .interval | float64) 10.0) }}
{{- default $longest .scrapeTimeout }}
{{- end }}

{{/* With the action that the operator's definition writes into those that have none. */}}
{{- define "longshore.relabelings" -}}
{{- $list := list }}
{{- range . }}{{ $list = append $list (merge (dict) . (dict "action" "replace")) }}{{ end }}
{{- toYaml $list }}
{{- end }}

{{- define "longshore.metricsFaults" -}}
{{- range $name, $block := pick .Values.metrics "podMonitor" "serviceMonitor" "annotations" }}
{{- $interval := include "longshore.seconds" $block.interval | float64 }}
{{- if eq $interval 0.0 }}
- {{ printf "metrics.%s.interval: %q is no time: use a duration such as 15s" $name $block.interval | quote }}
{{- else if gt (include "longshore.seconds" (default "" $block.scrapeTimeout) | float64) $interval }}
- {{ printf "metrics.%s: scrapeTimeout %s is longer than interval %s, which the operator rejects: leave it out, or lower it" $name $block.scrapeTimeout $block.interval | quote }}
{{- end }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
- "metrics: podMonitor and serviceMonitor would both scrape every pod: enable one of them"
{{- end }}
{{- end }}
