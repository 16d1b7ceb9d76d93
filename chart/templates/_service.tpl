{{/* The Service: its own keys, and every other key of `service` as a field of its spec. */}}

{{- define "longshore.serviceSpec" -}}
{{- $service := .Values.service }}
{{- $port := dict "name" "http" "port" (int $service.port) "targetPort" "http" "protocol" "TCP" }}
{{- $_ := set $port "appProtocol" (include "longshore.scheme" .) }}
{{- with $service.nodePort }}{{ $_ := set $port "nodePort" (int .) }}{{ end }}
{{- $ports := list $port }}
{{- range $service.extraPorts }}
{{- $ports = append $ports (merge (deepCopy .) (dict "targetPort" .port "protocol" "TCP")) }}
{{- end }}
{{- $selector := merge (include "longshore.selectorLabels" . | fromYaml) $service.selectorLabels }}
{{- $fields := omit $service "port" "nodePort" "extraPorts" "selectorLabels" "labels" "annotations" }}
{{- merge (dict "selector" $selector "ports" $ports) $fields | toYaml }}
{{- end }}

{{/* Azure's load balancer probes `/` where a port's protocol is HTTP, which is 404; the readiness path needs no token. */}}
{{- define "longshore.serviceAnnotations" -}}
{{- $ours := dict }}
{{- if eq .Values.service.type "LoadBalancer" }}
{{- $_ := set $ours "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path" "/v2/health/ready" }}
{{- end }}
{{- merge (deepCopy .Values.service.annotations) $ours | toYaml }}
{{- end }}

{{/* Fields that the API server takes only beside others. */}}
{{- define "longshore.serviceFaults" -}}
{{- $service := .Values.service }}
{{- $isBalanced := eq $service.type "LoadBalancer" }}
{{- range $field := list "loadBalancerClass" "loadBalancerIP" "loadBalancerSourceRanges" "allocateLoadBalancerNodePorts" "healthCheckNodePort" }}
{{- if and (hasKey $service $field) (not $isBalanced) }}
- {{ printf "service.%s: it needs service.type: LoadBalancer" $field | quote }}
{{- end }}
{{- end }}
{{- if eq $service.type "ClusterIP" }}
{{- range $field := list "nodePort" "externalTrafficPolicy" }}
{{- if get $service $field }}
- {{ printf "service.%s: it needs service.type: NodePort or LoadBalancer" $field | quote }}
{{- end }}
{{- end }}
{{- range $service.extraPorts }}
{{- if hasKey . "nodePort" }}
- {{ printf "service.extraPorts: %s: nodePort needs service.type: NodePort or LoadBalancer" .name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (hasKey $service "sessionAffinityConfig") (ne (get $service "sessionAffinity" | toString) "ClientIP") }}
- "service.sessionAffinityConfig: it needs service.sessionAffinity: ClientIP"
{{- end }}
{{- $policy := get $service "ipFamilyPolicy" | toString }}
{{- if and (gt (len (get $service "ipFamilies" | default list)) 1) (not (hasSuffix "DualStack" $policy)) }}
- "service.ipFamilies: two families need service.ipFamilyPolicy: PreferDualStack or RequireDualStack"
{{- end }}
{{- if and (hasKey $service "trafficDistribution") (semverCompare "<1.31.0-0" (include "longshore.kubeVersion" .)) }}
- "service.trafficDistribution: it needs Kubernetes 1.31"
{{- end }}
{{- $names := dict "http" true }}
{{- $numbers := dict (toString $service.port) "service.port" }}
{{- range $service.extraPorts }}
{{- $number := printf "%v" .port }}
{{- if or (hasKey $names .name) (hasKey $numbers $number) }}
- {{ printf "service.extraPorts: %s, port %s: the Service has that name or that port already" .name $number | quote }}
{{- end }}
{{- $_ := set $names .name true }}
{{- $_ := set $numbers $number true }}
{{- end }}
{{- $labels := include "longshore.podLabels" . | fromYaml }}
{{- range $label, $value := $service.selectorLabels }}
{{- if ne (get $labels $label | toString) (toString $value) }}
- {{ printf "service.selectorLabels: no pod has %s=%v: set it in podLabels too" $label $value | quote }}
{{- end }}
{{- end }}
{{- end }}
