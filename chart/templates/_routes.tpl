{{/* Paths and rules by which an Ingress or an HTTPRoute reaches the Service. */}}

{{/* The path of the model, which no other release of the same host has. */}}
{{- define "longshore.sharedPath" -}}
{{- printf "/v2/models/%s" (include "longshore.modelName" .) }}
{{- end }}

{{/* Hosts with their paths: a text has the whole host, a block without paths the model's. */}}
{{- define "longshore.ingressHosts" -}}
{{- $hosts := list }}
{{- range .Values.ingress.hosts }}
{{- $isWhole := kindIs "string" . }}
{{- $paths := list (ternary "/" (include "longshore.sharedPath" $) $isWhole) }}
{{- if not $isWhole }}{{- $paths = default $paths .paths }}{{- end }}
{{- $blocks := list }}
{{- range $paths }}
{{- $blocks = append $blocks (ternary (dict "path" .) . (kindIs "string" .) | merge (dict) | mergeOverwrite (dict "pathType" "Prefix")) }}
{{- end }}
{{- $hosts = append $hosts (dict "host" (ternary . (get (ternary dict . $isWhole) "host") $isWhole) "paths" $blocks) }}
{{- end }}
{{- toYaml $hosts }}
{{- end }}

{{/* Backends of a route: the release's Service with its weight, then those of `httpRoute.backendRefs`. */}}
{{- define "longshore.backendRefs" -}}
{{- $route := .Values.httpRoute }}
{{- $ours := dict "name" (include "longshore.fullname" .) "port" (int .Values.service.port) }}
{{- if not (kindIs "invalid" $route.weight) }}{{- $_ := set $ours "weight" (int $route.weight) }}{{- end }}
{{- prepend $route.backendRefs $ours | include "longshore.backends" }}
{{- end }}

{{/* Rules of the route: the whole host, or those given, with the model's path and the release's backends where they say none. */}}
{{- define "longshore.routeRules" -}}
{{- $whole := list (dict "matches" (list (dict "path" (dict "type" "PathPrefix" "value" "/")))) }}
{{- $prefix := dict "type" "PathPrefix" "value" (include "longshore.sharedPath" .) }}
{{- $rules := list }}
{{- range default $whole .Values.httpRoute.rules }}
{{- $rule := deepCopy . }}
{{- $redirects := false }}
{{- range .filters }}{{- if eq (get . "type" | toString) "RequestRedirect" }}{{ $redirects = true }}{{ end }}{{- end }}
{{- $matches := default (list (dict "path" $prefix)) .matches }}
{{- $_ := set $rule "matches" (include "longshore.matches" $matches | fromYamlArray) }}
{{- with .filters }}{{- $_ := set $rule "filters" (include "longshore.filters" . | fromYamlArray) }}{{- end }}
{{- if .backendRefs }}
{{- $_ := set $rule "backendRefs" (include "longshore.backends" .backendRefs | fromYamlArray) }}
{{- else if not $redirects }}
{{- $_ := set $rule "backendRefs" (include "longshore.backendRefs" $ | fromYamlArray) }}
{{- end }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* Two releases of a host with the same path are not seen from here; two of one release are. */}}
{{- define "longshore.routeFaults" -}}
{{- $seen := dict }}
{{- range .Values.ingress.hosts }}
{{- if not (or (kindIs "string" .) (get (ternary dict . (kindIs "string" .)) "host")) }}
- "ingress.hosts: a block has no host"
{{- end }}
{{- end }}
{{- range include "longshore.ingressHosts" . | fromYamlArray }}
{{- $host := .host }}
{{- range .paths }}
{{- if not (hasPrefix "/" (toString .path)) }}
- {{ printf "ingress.hosts: %v: a path begins with /: %v" $host .path | quote }}
{{- end }}
{{- $place := printf "%v%v" $host .path }}
{{- if hasKey $seen $place }}
- {{ printf "ingress.hosts: %s is there twice" $place | quote }}
{{- end }}
{{- $_ := set $seen $place true }}
{{- end }}
{{- end }}
{{- if and .Values.httpRoute.enabled .Values.httpRoute.backendRefs (kindIs "invalid" .Values.httpRoute.weight) }}
- "httpRoute.backendRefs: set httpRoute.weight too, the weight of this release beside the others"
{{- end }}
{{- end }}
