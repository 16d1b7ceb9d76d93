{{/* What a schema cannot check: one sentence for each fault, with the remedy; all faults at once. */}}
{{- define "longshore.validate" -}}
{{- $faults := list }}
{{- range list "type" "empty" "renamed" "name" "image" "volume" "gpu" "resource" "scaling" "keda" "request" "drain" "metrics" "override" "file" "route" "service" "label" "annotation" "field" "list" }}
{{- $faults = concat $faults (include (printf "longshore.%sFaults" .) $ | fromYamlArray) }}
{{- end }}
{{- if $faults }}{{ printf "\n- %s" (join "\n- " $faults) | fail }}{{ end }}
{{- end }}

{{- define "longshore.nameFaults" -}}
{{- if eq (toString .Values.enabled) "false" }}
- "enabled: it only has an effect as the condition of a dependency, such as condition: {{ .Chart.Name }}.enabled in the parent's Chart.yaml"
{{- end }}
{{- range $key, $first := dict "nameOverride" "a-z0-9" "fullnameOverride" "a-z" }}
{{- $given := get $.Values $key }}
{{- if and $given (not (regexMatch (printf "^[%s]([-a-z0-9]*[a-z0-9])?$" $first) $given)) }}
- {{ printf "%s: %s is not a valid name of a Service: use lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen" $key $given | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "longshore.imageFaults" -}}
{{- if not .Values.image.repository }}
{{- $example := printf "registry.example/longshore:%s-%s" .Chart.AppVersion .Values.device }}
- {{ printf "image.repository: not set, and no public registry has the image: build it and push it where the nodes can pull it (make image-%s IMAGE=%s; buildah push %s), then --set image.repository=registry.example/longshore" .Values.device $example $example | quote }}
{{- end }}
{{- if and (eq .Values.image.tag "latest") (not .Values.image.digest) }}
- "image.tag: latest is another image tomorrow: set a tag that does not move, or image.digest"
{{- end }}
{{- end }}

{{- define "longshore.scalingFaults" -}}
{{- $scaling := .Values.autoscaling }}
{{- if ne $scaling.mode "none" }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
- "autoscaling: minReplicas {{ $scaling.minReplicas }} is more than maxReplicas {{ $scaling.maxReplicas }}"
{{- end }}
{{- if lt (int $scaling.minReplicas) 1 }}
- "autoscaling: minReplicas {{ $scaling.minReplicas }}: nothing queues or counts requests while there is no pod: use 1 or more"
{{- end }}
{{- $on := $scaling.custom }}
{{- range $name, $target := $scaling.metrics }}{{ if $target }}{{ $on = append $on $name }}{{ end }}{{ end }}
{{- if not $on }}
- "autoscaling: mode {{ $scaling.mode }} has no metric: set one of autoscaling.metrics, such as utilization: 0.7"
{{- end }}
{{- end }}
{{- if eq $scaling.mode "keda" }}
{{- if and (get $scaling.keda.metadata "authModes") (not $scaling.keda.authenticationRef) }}
- "autoscaling.keda.metadata.authModes: set autoscaling.keda.authenticationRef too, where KEDA reads the credentials"
{{- end }}
{{- if not $scaling.keda.serverAddress }}
- "autoscaling: mode keda needs autoscaling.keda.serverAddress, such as http://prometheus-operated.monitoring:9090"
{{- end }}
{{- $queries := omit $scaling.metrics "cpu" "memory" | values | compact }}
{{- range $scaling.custom }}
{{- if not (has .type (list "cpu" "memory")) }}{{ $queries = append $queries .type }}{{ end }}
{{- end }}
{{- if and $scaling.keda.fallback (not $queries) }}
- "autoscaling.keda.fallback: KEDA does not apply it to cpu and memory: set another metric, such as utilization: 0.7, or remove the fallback"
{{- end }}
{{- end }}
{{- $budget := .Values.podDisruptionBudget }}
{{- if not (or (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable)) }}
- "podDisruptionBudget: minAvailable {{ $budget.minAvailable }} and maxUnavailable {{ $budget.maxUnavailable }} are both set: set one"
{{- end }}
{{- end }}

{{- define "longshore.drainFaults" -}}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- $sum := include "longshore.drainSumSeconds" . | int }}
{{- if and (not (kindIs "invalid" $given)) (lt (int $given) $sum) }}
- "terminationGracePeriodSeconds: {{ $given }} is less than the drain needs, {{ $sum }} s: lower preStopSeconds, config.drain_delay_seconds, config.request_timeout_seconds or longestBatchSeconds, or leave it to the chart"
{{- end }}
{{- end }}

{{/* Values that contradict the settings that the chart derives. */}}
{{- define "longshore.overrideFaults" -}}
{{- $derived := include "longshore.derivedSettings" . | fromYaml }}
{{- range $setting, $from := $derived }}
{{- if hasKey $.Values.config $setting }}
- {{ printf "config.%s: the chart derives it from %s; set that instead" $setting $from | quote }}
{{- end }}
{{- end }}
{{- range $setting := concat (keys $derived) (list "drain_delay_seconds" "request_timeout_seconds" "calibration_budget_seconds") | sortAlpha }}
{{- $from := default (printf "config.%s" $setting) (get $derived $setting) }}
{{- $flag := printf "--%s" (replace "_" "-" $setting) }}
{{- range $.Values.extraArgs }}
{{- if eq (first (splitList "=" .)) $flag }}
- {{ printf "extraArgs: %s would not reach the probes and the grace period; set %s instead" . $from | quote }}
{{- end }}
{{- end }}
{{- range $.Values.extraEnv }}
{{- if eq (default "" .name) (printf "LONGSHORE_%s" (upper $setting)) }}
- {{ printf "extraEnv: %s would not reach the probes and the grace period; set %s instead" .name $from | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
