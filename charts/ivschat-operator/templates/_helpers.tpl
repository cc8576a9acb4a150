{{/* The name of everything in the release's namespace. */}}
{{- define "ivschat-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{/* The name of what is not in a namespace, or in another one: releases of the same name must not share it. */}}
{{- define "ivschat-operator.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "ivschat-operator.fullname" .) }}
{{- end -}}

{{- define "ivschat-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "ivschat-operator.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Every pod of the release, `helm test` included. */}}
{{- define "ivschat-operator.releaseLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The operator's pods. */}}
{{- define "ivschat-operator.selectorLabels" -}}
{{ include "ivschat-operator.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "ivschat-operator.labels" -}}
{{ include "ivschat-operator.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "ivschat-operator.image" -}}
{{- $repository := required "image.repository is required: build an image and name it, e.g. --set image.repository=REGISTRY/ivschat-operator" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" $repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
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
  name: {{ include "ivschat-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
