{{/*
Blocks of Kubernetes that stand over the chart's fields: `deploymentSpec`, `podSpec` and `containerSpec`. A field of theirs
takes the place of the chart's, maps are merged key by key; fields that the chart's promises hang on have values of their own.
*/}}

{{/* The fields that are not taken, and the value that sets each. */}}
{{- define "longshore.keptFields" -}}
deploymentSpec:
  replicas: replicas, or autoscaling.minReplicas and maxReplicas
  selector: nameOverride
  template: podSpec, podLabels and podAnnotations
  strategy: strategy
  revisionHistoryLimit: revisionHistoryLimit
podSpec:
  containers: containerSpec and extraContainers
  initContainers: initContainers
  ephemeralContainers: extraContainers
  volumes: extraVolumes
  terminationGracePeriodSeconds: terminationGracePeriodSeconds
  securityContext: podSecurityContext
  imagePullSecrets: imagePullSecrets
  serviceAccountName: serviceAccount.name
  serviceAccount: serviceAccount.name
  nodeSelector: nodeSelector
  nodeName: nodeSelector
  tolerations: tolerations
  affinity: affinity
  topologySpreadConstraints: topologySpreadConstraints
  priorityClassName: priorityClassName
  runtimeClassName: runtimeClassName
  schedulerName: schedulerName
  restartPolicy: a Deployment, which restarts its pods always
  activeDeadlineSeconds: a Deployment, which has none
containerSpec:
  name: the chart
  image: image
  imagePullPolicy: image.pullPolicy
  command: extraArgs
  args: extraArgs
  env: extraEnv
  envFrom: extraEnvFrom
  ports: ports
  startupProbe: probes
  readinessProbe: probes
  livenessProbe: probes
  resources: resources
  securityContext: securityContext
  volumeMounts: extraVolumeMounts
{{- end }}

{{/* Fields of ours under those of a block; (context, ours, block). */}}
{{- define "longshore.withBlock" -}}
{{- mergeOverwrite (index . 1) (get (first .).Values (last .) | deepCopy) | toYaml }}
{{- end }}

{{- define "longshore.deploymentFields" -}}
{{- $ready := get .Values.deploymentSpec "minReadySeconds" | default 0 | int }}
{{- $deadline := add (include "longshore.startupSeconds" . | int) 60 $ready | max 600 }}
{{- include "longshore.withBlock" (list . (dict "progressDeadlineSeconds" $deadline) "deploymentSpec") }}
{{- end }}

{{/* Whether the pods use the network of their node, where each port can be had once. */}}
{{- define "longshore.usesHostNetwork" -}}
{{- if get .Values.podSpec "hostNetwork" }}true{{ end }}
{{- end }}

{{- define "longshore.podFields" -}}
{{- $ours := dict "automountServiceAccountToken" false "enableServiceLinks" false }}
{{- if include "longshore.usesHostNetwork" . }}{{- $_ := set $ours "dnsPolicy" "ClusterFirstWithHostNet" }}{{- end }}
{{- include "longshore.withBlock" (list . $ours "podSpec") }}
{{- end }}

{{/* Theirs in place of the hook that sleeps: the drain counts `preStopSeconds` for either. */}}
{{- define "longshore.containerFields" -}}
{{- $ours := dict "terminationMessagePolicy" "FallbackToLogsOnError" }}
{{- $lifecycle := get .Values.containerSpec "lifecycle" | default dict }}
{{- $hook := dict "preStop" (dict "sleep" (dict "seconds" (int .Values.preStopSeconds))) }}
{{- if and (gt (int .Values.preStopSeconds) 0) (include "longshore.hasSleepHook" .) (not (hasKey $lifecycle "preStop")) }}
{{- $_ := set $ours "lifecycle" $hook }}
{{- end }}
{{- include "longshore.withBlock" (list . $ours "containerSpec") }}
{{- end }}

{{- define "longshore.fieldFaults" -}}
{{- range $block, $kept := include "longshore.keptFields" . | fromYaml }}
{{- range $field := keys (get $.Values $block) | sortAlpha }}
{{- with get $kept $field }}
- {{ printf "%s.%s: it is set by %s" $block $field . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $deployment := .Values.deploymentSpec }}
{{- $least := add (include "longshore.startupSeconds" . | int) (get $deployment "minReadySeconds" | default 0 | int) }}
{{- if hasKey $deployment "progressDeadlineSeconds" }}
{{- if le (int $deployment.progressDeadlineSeconds) (int $least) }}
- "deploymentSpec.progressDeadlineSeconds: {{ $deployment.progressDeadlineSeconds }} is over before a pod can be available, in {{ $least }} s (probes.startup and minReadySeconds): raise it"
{{- end }}
{{- end }}
{{- $hook := get (get .Values.containerSpec "lifecycle" | default dict) "preStop" | default dict }}
{{- if hasKey $hook "sleep" }}
- "containerSpec.lifecycle.preStop.sleep: it is set by preStopSeconds, which the grace period counts"
{{- else if and $hook (lt (int .Values.preStopSeconds) 1) }}
- "containerSpec.lifecycle.preStop: set preStopSeconds to the time that it takes, which the grace period counts"
{{- end }}
{{- include "longshore.claimFaults" . }}
{{- end }}

{{/* Devices by dynamic resource allocation: the pod has the claims, and the container uses them. */}}
{{- define "longshore.claimFaults" -}}
{{- $claims := dict }}
{{- range get .Values.podSpec "resourceClaims" | default list }}{{- $_ := set $claims (get . "name" | toString) true }}{{- end }}
{{- range .Values.resources.claims }}
{{- if not (hasKey $claims (get . "name" | toString)) }}
- {{ printf "resources.claims: the pod has no claim %v; add it to podSpec.resourceClaims" .name | quote }}
{{- end }}
{{- end }}
{{- if and (get .Values.podSpec "resourceClaims") (not .Values.resources.claims) (not .Values.extraContainers) }}
- "podSpec.resourceClaims: no container uses them; name them in resources.claims"
{{- end }}
{{- end }}
