{{/* The name of everything in the release's namespace. */}}
{{- define "ivschat-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{/* The name of what is not in a namespace, or in another one: releases of the same name must not share it. */}}
{{- define "ivschat-operator.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "ivschat-operator.fullname" .) }}
{{- end -}}

{{- define "ivschat-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ivschat-operator.labels" -}}
{{ include "ivschat-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* What the operator does with ChatRooms and events, wherever it looks. */}}
{{- define "ivschat-operator.rules" -}}
- apiGroups: [ivschat-operator.io]
  resources: [chatrooms]
  verbs: [get, list, watch, patch]
- apiGroups: [ivschat-operator.io]
  resources: [chatrooms/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "ivschat-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "ivschat-operator.fullname" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
