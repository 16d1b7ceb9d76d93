{{/* Faults of the lists that meet ours; see _validate.tpl. */}}

{{/* Entries of ours that cannot be replaced, and the value that changes each. */}}
{{- define "longshore.keptEntries" -}}
extraVolumes:
  model: model.existingClaim, model.claim or model.volume
  config: config
  auth: auth.existingSecret
  tls: tls.existingSecret
  shm: shmSize
extraVolumeMounts:
  /models: model.existingClaim, model.claim or model.volume
  /etc/longshore/config: config
  /etc/longshore/auth: auth.existingSecret
  /etc/longshore/tls: tls.existingSecret
  /dev/shm: shmSize
extraContainers:
  server: extraArgs, extraEnv and extraVolumeMounts
initContainers:
  server: extraArgs, extraEnv and extraVolumeMounts
  verify-manifest: model.verifyManifest
extraEnv: {}
{{- end }}

{{/* The names of what is ours in each list. */}}
{{- define "longshore.ownNames" -}}
extraVolumes: {{ include "longshore.ownVolumes" . | fromYamlArray | toJson }}
extraVolumeMounts: {{ include "longshore.ownVolumeMounts" . | fromYamlArray | toJson }}
extraContainers: [{name: server}]
initContainers: {{ prepend (include "longshore.ownInitContainers" . | fromYamlArray) (dict "name" "server") | toJson }}
extraEnv: []
{{- end }}

{{- define "longshore.listFaults" -}}
{{- $own := include "longshore.ownNames" . | fromYaml }}
{{- range $list, $kept := include "longshore.keptEntries" . | fromYaml }}
{{- $key := ternary "mountPath" "name" (eq $list "extraVolumeMounts") }}
{{- $ours := dict }}
{{- range get $own $list }}{{- $_ := set $ours (get . $key) true }}{{- end }}
{{- $seen := dict }}
{{- range get $.Values $list }}
{{- $name := get . $key | default "" | toString }}
{{- $path := clean $name }}
{{- if not $name }}
- {{ printf "%s: an entry has no %s" $list $key | quote }}
{{- else if and (hasKey $ours $path) (hasKey $kept $path) }}
- {{ printf "%s: %s is the chart's own; set %s instead, or choose another %s" $list $name (get $kept $path) $key | quote }}
{{- else if hasKey $seen $path }}
- {{ printf "%s: %s is there twice; Kubernetes takes each %s once" $list $name $key | quote }}
{{- end }}
{{- $_ := set $seen $path true }}
{{- end }}
{{- end }}
{{- include "longshore.containerFaults" . }}
{{- end }}

{{/* Containers beside the server's: names that both lists have, volumes that are not there, the server's ports. */}}
{{- define "longshore.containerFaults" -}}
{{- $volumes := dict }}
{{- range include "longshore.volumes" . | fromYamlArray }}{{- $_ := set $volumes (get . "name" | toString) true }}{{- end }}
{{- $ports := dict (toString .Values.ports.http) "ports.http" (toString .Values.ports.management) "ports.management" }}
{{- $server := list (dict "list" "extraVolumeMounts" "volumeMounts" .Values.extraVolumeMounts) }}
{{- $inits := dict }}
{{- $containers := list }}
{{- range .Values.initContainers }}
{{- $_ := set $inits (get . "name" | toString) true }}
{{- $containers = append $containers (merge (dict "list" (printf "initContainers: %v" .name)) .) }}
{{- end }}
{{- range .Values.extraContainers }}
{{- if hasKey $inits (get . "name" | toString) }}
- {{ printf "extraContainers: %v is in initContainers too; Kubernetes takes each name once" .name | quote }}
{{- end }}
{{- $containers = append $containers (merge (dict "list" (printf "extraContainers: %v" .name)) .) }}
{{- end }}
{{- range $container := concat $server $containers }}
{{- range $container.volumeMounts }}
{{- if not (hasKey $volumes (get . "name" | toString)) }}
- {{ printf "%s: the pod has no volume %v; add it to extraVolumes" $container.list .name | quote }}
{{- end }}
{{- end }}
{{- range $container.ports }}
{{- with get $ports (get . "containerPort" | toString) }}
- {{ printf "%s: its port is that of the server; change it, or %s" $container.list . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
