{{/* The pod of `helm test`. */}}

{{/* Whether there is one: a token that is not in a Secret is not for it. */}}
{{- define "longshore.hasTest" -}}
{{- if and .Values.test.enabled (or .Values.auth.existingSecret (not (include "longshore.needsToken" .))) }}true{{ end }}
{{- end }}

{{- define "longshore.testLabels" -}}
app.kubernetes.io/name: {{ include "longshore.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: test
{{- end }}

{{/* As given; else the server's, but the one for CPU where the chart chooses the tag. */}}
{{- define "longshore.testImage" -}}
{{- if .Values.test.image }}
{{- .Values.test.image }}
{{- else if or .Values.image.tag .Values.image.digest }}
{{- include "longshore.image" . }}
{{- else }}
{{- printf "%s:%s-cpu" (include "longshore.repository" .) .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The server's nodes: what attracts or repels its pods among themselves is left out, and so is the device's runtime. */}}
{{- define "longshore.testScheduling" -}}
{{- $fields := pick (include "longshore.scheduling" . | fromYaml) "nodeSelector" "tolerations" }}
{{- with get .Values.affinity "nodeAffinity" }}
{{- $_ := set $fields "affinity" (dict "nodeAffinity" .) }}
{{- end }}
{{- toYaml $fields }}
{{- end }}
