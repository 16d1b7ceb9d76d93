{{/* Traces: what the server is told of the collector, and how it gets there. */}}

{{- define "longshore.tracingEnvironment" -}}
{{- with .Values.tracing.endpoint }}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ quote . }}}
- {name: OTEL_SERVICE_NAME, value: {{ include "longshore.fullname" $ }}}
{{- $attributes := list
    (printf "service.namespace=%s" $.Release.Namespace)
    "service.instance.id=$(POD_NAME)"
    (printf "k8s.namespace.name=%s" $.Release.Namespace)
    "k8s.pod.name=$(POD_NAME)"
    (printf "k8s.deployment.name=%s" (include "longshore.fullname" $))
    "k8s.container.name=server" }}
- {name: OTEL_RESOURCE_ATTRIBUTES, value: {{ join "," $attributes | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ $.Values.tracing.sampleRatio | toString | quote }}}
{{- end }}
{{- end }}

{{/* The port of the endpoint, by its scheme where it says none. */}}
{{- define "longshore.collectorPort" -}}
{{- $url := urlParse .Values.tracing.endpoint }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{/* Whether the endpoint names a host that DNS has to be asked for. */}}
{{- define "longshore.collectorHasName" -}}
{{- with .Values.tracing.endpoint }}
{{- $host := (urlParse .).hostname }}
{{- if not (or (contains ":" $host) (regexMatch "^[0-9.]+$" $host)) }}true{{ end }}
{{- end }}
{{- end }}

{{/* The egress rule for the collector. */}}
{{- define "longshore.tracingEgress" -}}
{{- if .Values.tracing.endpoint }}
- ports: [{port: {{ include "longshore.collectorPort" . }}, protocol: TCP}]
  {{- with .Values.tracing.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
