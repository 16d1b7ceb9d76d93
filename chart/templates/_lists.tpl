{{/* Lists in which ours and theirs meet: environment, volumes, mounts, containers. */}}

{{/*
One list from `ours` and `theirs` by the field `key`: an entry of theirs takes the place of ours with the same key, the others
follow. Kubernetes takes each key once; paths are compared without a trailing slash.
*/}}
{{- define "longshore.byName" -}}
{{- $key := .key }}
{{- $given := dict }}
{{- range .theirs }}{{- $_ := set $given (get . $key | toString | clean) . }}{{- end }}
{{- $own := dict }}
{{- $list := list }}
{{- range .ours }}
{{- $name := get . $key | toString | clean }}
{{- $_ := set $own $name true }}
{{- $list = append $list (default . (get $given $name)) }}
{{- end }}
{{- range .theirs }}
{{- if not (hasKey $own (get . $key | toString | clean)) }}{{- $list = append $list . }}{{- end }}
{{- end }}
{{- toYaml $list }}
{{- end }}

{{- define "longshore.ownEnv" -}}
- {name: HOME, value: /tmp}
{{- include "longshore.cpuEnvironment" . }}
{{- include "longshore.tracingEnvironment" . }}
{{- end }}

{{- define "longshore.env" -}}
{{- $ours := include "longshore.ownEnv" . | fromYamlArray }}
{{- include "longshore.byName" (dict "key" "name" "ours" $ours "theirs" .Values.extraEnv) }}
{{- end }}

{{- define "longshore.ownVolumeMounts" -}}
- {name: model, mountPath: /models, readOnly: true}
- {name: config, mountPath: /etc/longshore/config, readOnly: true}
{{- if .Values.auth.existingSecret }}
- {name: auth, mountPath: /etc/longshore/auth, readOnly: true}
{{- end }}
{{- if .Values.tls.existingSecret }}
- {name: tls, mountPath: /etc/longshore/tls, readOnly: true}
{{- end }}
- {name: calibrations, mountPath: /var/cache/longshore}
- {name: tmp, mountPath: /tmp}
- {name: shm, mountPath: /dev/shm}
{{- end }}

{{- define "longshore.volumeMounts" -}}
{{- $ours := include "longshore.ownVolumeMounts" . | fromYamlArray }}
{{- include "longshore.byName" (dict "key" "mountPath" "ours" $ours "theirs" .Values.extraVolumeMounts) }}
{{- end }}

{{- define "longshore.ownVolumes" -}}
- name: model
  {{- include "longshore.modelVolume" . | trim | nindent 2 }}
- name: config
  configMap: {name: {{ include "longshore.fullname" . }}}
{{- with .Values.auth.existingSecret }}
- name: auth
  secret: {secretName: {{ quote . }}, items: [{key: {{ quote $.Values.auth.key }}, path: tokens}]}
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret: {secretName: {{ quote . }}}
{{- end }}
- name: calibrations
  emptyDir: {sizeLimit: 16Mi}
- name: tmp
  emptyDir: {}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: {{ include "longshore.text" .Values.shmSize | quote }}}
{{- end }}

{{- define "longshore.volumes" -}}
{{- $ours := include "longshore.ownVolumes" . | fromYamlArray }}
{{- include "longshore.byName" (dict "key" "name" "ours" $ours "theirs" .Values.extraVolumes) }}
{{- end }}

{{- define "longshore.ownInitContainers" -}}
{{- if .Values.model.verifyManifest }}
- name: verify-manifest
  image: {{ include "longshore.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  terminationMessagePolicy: FallbackToLogsOnError
  args: [manifest, --verify, {{ include "longshore.modelPath" . | quote }}]
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  resources:
    {{- include "longshore.resources" . | nindent 4 }}
  volumeMounts:
    - {name: model, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}
