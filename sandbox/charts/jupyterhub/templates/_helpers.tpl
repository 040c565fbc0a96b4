{{/* (list COMPONENT root): labels that select pods. */}}
{{- define "select" -}}
app: jupyterhub
component: {{ index . 0 }}
release: {{ (index . 1).Release.Name }}
{{- end -}}

{{- define "labels" -}}
{{ include "select" . }}
{{- if semverCompare ">=4.0.0-0" (index . 1).Chart.Version }}
app.kubernetes.io/name: jupyterhub
app.kubernetes.io/component: {{ index . 0 }}
app.kubernetes.io/instance: {{ (index . 1).Release.Name }}
{{- end }}
{{- end -}}

{{/* (list NAME COMPONENT root): name and labels. */}}
{{- define "metadata" -}}
{{- $root := index . 2 -}}
name: {{ index . 0 }}
labels:
  {{- include "labels" (rest .) | nindent 2 }}
  chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
  heritage: {{ $root.Release.Service }}
  {{- if semverCompare ">=4.0.0-0" $root.Chart.Version }}
  helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  {{- end }}
{{- end -}}

{{/* (list KEY GIVEN root): a secret of the hub's: the one given, else the one it has, else a new one (64 hex digits). */}}
{{- define "kept" -}}
{{- $root := index . 2 -}}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace "hub" | default dict -}}
{{- $held := get ($secret.data | default dict) (index . 0) | default "" | b64dec -}}
{{- coalesce (index . 1) $held (randBytes 32 | b64dec | sha256sum) -}}
{{- end -}}

{{/* (dict "probe" VALUES "path" …): a probe of the port named http. */}}
{{- define "probe" -}}
httpGet: {path: {{ .path }}, port: http}
{{ omit .probe "enabled" | toYaml }}
{{- end -}}

{{/* A map NAME -> value, or NAME -> the rest of an EnvVar, or a list of EnvVars. */}}
{{- define "env" -}}
{{- if kindIs "slice" . }}
{{- toYaml . }}
{{- else }}
{{- range $name, $value := . }}
- {{ kindIs "map" $value | ternary $value (dict "value" ($value | toString)) | merge (dict "name" $name) | toJson }}
{{- end }}
{{- end }}
{{- end -}}
