{{/* Keys that other charts have, and what they are called here; the schema lets them through to here. */}}
{{- define "longshore.renamedFaults" -}}
{{- range $key, $ours := dict
    "replicaCount" "replicas"
    "persistence" "model.existingClaim, model.claim or model.volume"
    "hpa" "autoscaling.mode: hpa"
    "keda" "autoscaling.mode: keda"
    "env" "config for settings of the server, extraEnv for the rest"
    "serviceMonitor" "metrics.serviceMonitor"
    "dnsConfig" "podSpec.dnsConfig"
    "dnsPolicy" "podSpec.dnsPolicy"
    "hostAliases" "podSpec.hostAliases"
    "hostNetwork" "podSpec.hostNetwork"
    "lifecycle" "containerSpec.lifecycle"
    "minReadySeconds" "deploymentSpec.minReadySeconds"
    "progressDeadlineSeconds" "deploymentSpec.progressDeadlineSeconds"
    "resourceClaims" "podSpec.resourceClaims"
}}
{{- if hasKey $.Values $key }}
- {{ printf "%s: the key is %s" $key $ours | quote }}
{{- end }}
{{- end }}
{{- range $key, $ours := dict
    "enabled" "autoscaling.mode, one of none, hpa and keda"
    "targetCPUUtilizationPercentage" "autoscaling.metrics.cpu"
    "targetMemoryUtilizationPercentage" "autoscaling.metrics.memory"
}}
{{- if hasKey $.Values.autoscaling $key }}
- {{ printf "autoscaling.%s: the key is %s" $key $ours | quote }}
{{- end }}
{{- end }}
{{- end }}
