{{/* Names, labels, image and rights of the controller. Nothing here prints a whole resource. */}}

{{- define "longshore-controller.fullname" -}}
{{- $isSaid := contains .Chart.Name .Release.Name }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) $isSaid | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "longshore-controller.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "longshore-controller.labels" -}}
{{ include "longshore-controller.selectorLabels" . }}
app.kubernetes.io/part-of: longshore
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "longshore-controller.image" -}}
{{- if not .Values.image.repository }}
{{- fail "image.repository: no registry has the image by itself: build it by make image-cpu IMAGE_ARGS='--build-arg EXTRAS=controller', push it, and name it here" }}
{{- end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default (printf "%s-controller" .Chart.AppVersion) .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The namespaces that it works in, as a list. */}}
{{- define "longshore-controller.namespaces" -}}
{{- default (list .Release.Namespace) .Values.namespaces | toYaml }}
{{- end }}

{{/*
What it may do, wherever it works: the kinds of objects that a model has, and no others; no Secrets, no roles. Of pods it lists
those of a rollout, to ask what they have counted. A claim is never deleted.
*/}}
{{- define "longshore-controller.rules" -}}
{{- $all := list "get" "list" "watch" "create" "patch" "delete" }}
{{- $kinds := list
    (list "longshore.dev" (list "longshoremodels") (list "get" "list" "watch"))
    (list "longshore.dev" (list "longshoremodels/status") (list "update"))
    (list "" (list "configmaps" "serviceaccounts" "services") $all)
    (list "" (list "persistentvolumeclaims") (list "get" "list" "watch" "create" "patch"))
    (list "" (list "events") (list "create"))
    (list "" (list "pods") (list "list"))
    (list "apps" (list "deployments") $all)
    (list "autoscaling" (list "horizontalpodautoscalers") $all)
    (list "batch" (list "jobs") $all)
    (list "gateway.networking.k8s.io" (list "httproutes") $all)
    (list "keda.sh" (list "scaledobjects") $all)
    (list "monitoring.coreos.com" (list "podmonitors" "prometheusrules" "servicemonitors") $all)
    (list "networking.k8s.io" (list "ingresses" "networkpolicies") $all)
    (list "policy" (list "poddisruptionbudgets") $all)
}}
{{- range $kinds }}
- apiGroups: [{{ index . 0 | quote }}]
  resources: {{ index . 1 | toJson }}
  verbs: {{ index . 2 | toJson }}
{{- end }}
{{- end }}
