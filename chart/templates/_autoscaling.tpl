{{/* The names of chart/files/prometheus-adapter-values.yaml, by their keys in `autoscaling.metrics`. */}}
{{- define "longshore.podMetrics" -}}
utilization: longshore_utilization
requestsPerSecond: longshore_requests_per_second
concurrency: longshore_concurrency
latencyP95: longshore_request_duration_p95_seconds
{{- end }}

{{/* A number as a Kubernetes quantity in thousandths, as the API server writes it. */}}
{{- define "longshore.quantity" -}}
{{- $milli := round (mulf . 1000) 0 | int64 }}
{{- if eq (mod $milli 1000) 0 }}{{ div $milli 1000 | toString | quote }}{{ else }}{{ printf "%dm" $milli | quote }}{{ end }}
{{- end }}
