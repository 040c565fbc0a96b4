{{/* What all names end in: the release's name, with the chart's behind it unless it is in there already. */}}
{{- define "instance" -}}
{{- contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- end -}}

{{/* (list PREFIX root): the name of one of the release's resources, such as traefik-dask-gateway. */}}
{{- define "named" -}}
{{- printf "%s-%s" (index . 0) (include "instance" (index . 1)) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "select" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "labels" -}}
{{ include "select" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
gateway.dask.org/instance: {{ include "instance" . }}
{{- end -}}

{{/* (list PREFIX root): name and labels. */}}
{{- define "metadata" -}}
name: {{ include "named" . }}
labels:
  {{- include "labels" (index . 1) | nindent 2 }}
{{- end -}}

{{/* (list IMAGE root): a reference; without a tag it is the chart's version. */}}
{{- define "image" -}}
{{ (index . 0).name }}:{{ (index . 0).tag | default (index . 1).Chart.Version }}
{{- end -}}

{{/* (list PREFIX RULES root): an account that may do what the rules (YAML) say. */}}
{{- define "account" -}}
{{- $metadata := include "metadata" (list (index . 0) (index . 2)) -}}
{{- $name := include "named" (list (index . 0) (index . 2)) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- $metadata | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  {{- $metadata | nindent 2 }}
rules:
  {{- index . 1 | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- $metadata | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $name }}, namespace: {{ (index . 2).Release.Namespace }}}
{{- end -}}
