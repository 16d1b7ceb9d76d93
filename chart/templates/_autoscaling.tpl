{{/* The names of chart/files/prometheus-adapter-values.yaml, by their keys in `autoscaling.metrics`. */}}
{{- define "longshore.podMetrics" -}}
utilization: longshore_utilization
requestsPerSecond: longshore_requests_per_second
concurrency: longshore_concurrency
latencyP95: longshore_request_duration_p95_seconds
{{- end }}

{{/*
Fields of `autoscaling.keda.spec`, with the behavior of the HPA that KEDA makes. KEDA writes the object back without a
`false`: Argo CD would show a difference for ever.
*/}}
{{- define "longshore.scaledObjectFields" -}}
{{- $fields := deepCopy .Values.autoscaling.keda.spec }}
{{- if not (dig "advanced" "restoreToOriginalReplicaCount" false $fields) }}
{{- $_ := unset (get $fields "advanced" | default dict) "restoreToOriginalReplicaCount" }}
{{- end }}
{{- with .Values.autoscaling.behavior }}
{{- $advanced := get $fields "advanced" | default dict }}
{{- $_ := set $advanced "horizontalPodAutoscalerConfig" (dict "behavior" .) }}
{{- $_ := set $fields "advanced" $advanced }}
{{- end }}
{{- toYaml $fields }}
{{- end }}

{{- define "longshore.kedaFaults" -}}
{{- $spec := .Values.autoscaling.keda.spec }}
{{- range $field, $reason := dict
    "scaleTargetRef" "it is set by the chart"
    "minReplicaCount" "it is set by autoscaling.minReplicas"
    "maxReplicaCount" "it is set by autoscaling.maxReplicas"
    "idleReplicaCount" "nothing queues or counts requests while there is no pod"
    "cooldownPeriod" "it has no effect while there is a pod; autoscaling.behavior sets the pace"
    "initialCooldownPeriod" "it has no effect while there is a pod; autoscaling.behavior sets the pace"
    "pollingInterval" "it is set by autoscaling.keda.pollingInterval"
    "fallback" "it is set by autoscaling.keda.fallback"
    "triggers" "they are set by autoscaling.metrics and autoscaling.custom"
}}
{{- if hasKey $spec $field }}
- {{ printf "autoscaling.keda.spec.%s: %s" $field $reason | quote }}
{{- end }}
{{- end }}
{{- if hasKey (get $spec "advanced" | default dict) "horizontalPodAutoscalerConfig" }}
- "autoscaling.keda.spec.advanced.horizontalPodAutoscalerConfig: its behavior is set by autoscaling.behavior"
{{- end }}
{{- end }}

{{/* A number as a Kubernetes quantity in thousandths, as the API server writes it. */}}
{{- define "longshore.quantity" -}}
{{- $milli := round (mulf . 1000) 0 | int64 }}
{{- if eq (mod $milli 1000) 0 }}{{ div $milli 1000 | toString | quote }}{{ else }}{{ printf "%dm" $milli | quote }}{{ end }}
{{- end }}

{{/* Metrics that are shares of a request, on a container without one: an HPA can never read them, and KEDA's webhook refuses. */}}
{{- define "longshore.requestFaults" -}}
{{- $server := dict "name" "server" "resources" (include "longshore.resources" . | fromYaml) }}
{{- $containers := concat (list $server) .Values.extraContainers }}
{{- $asked := list }}
{{- range $name, $target := pick .Values.autoscaling.metrics "cpu" "memory" }}
{{- if $target }}{{ $asked = append $asked (dict "by" (printf "metrics.%s" $name) "resource" $name "container" "server") }}{{ end }}
{{- end }}
{{- range .Values.autoscaling.custom }}
{{- if has .type (list "cpu" "memory") }}
{{- $asked = append $asked (dict "by" "custom" "resource" .type "container" (dig "containerName" "" (default dict .metadata))) }}
{{- end }}
{{- range $metric := list .resource .containerResource | compact }}
{{- if eq $metric.target.type "Utilization" }}
{{- $asked = append $asked (dict "by" "custom" "resource" $metric.name "container" (default "" $metric.container)) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $ask := ternary list $asked (eq .Values.autoscaling.mode "none") }}
{{- range $container := $containers }}
{{- $resources := default dict $container.resources }}
{{- $request := dig $ask.resource (dig $ask.resource "0" (default dict $resources.limits)) (default dict $resources.requests) }}
{{- $isMeant := has $ask.container (list "" $container.name) }}
{{- if and $isMeant (le (include "longshore.amount" $request | float64) 0.0) }}
- {{ printf "autoscaling.%s: a share of the %s request, which the container %s has not: set it in its resources, or use another metric" $ask.by $ask.resource $container.name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $isKeda := eq .Values.autoscaling.mode "keda" }}
{{- range $index, $metric := .Values.autoscaling.custom }}
{{- if and (ne $.Values.autoscaling.mode "none") (ne $isKeda (hasKey $metric "metadata")) }}
- {{ printf "autoscaling.custom[%d]: mode %s takes %s" $index $.Values.autoscaling.mode (ternary "triggers of KEDA, with type and metadata" "metrics of an HPA, such as {type: External, external: ...}" $isKeda) | quote }}
{{- end }}
{{- end }}
{{- end }}
