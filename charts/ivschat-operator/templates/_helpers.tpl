{{- define "ivschat-operator.name" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end -}}

{{- define "ivschat-operator.namespace" -}}
{{ .Values.namespaceOverride | default .Release.Namespace }}
{{- end -}}

{{/* The name of the objects in that namespace. */}}
{{- define "ivschat-operator.fullname" -}}
{{- $name := printf "%s-%s" .Release.Name (include "ivschat-operator.name" .) }}
{{- if contains (include "ivschat-operator.name" .) .Release.Name }}
{{- $name = .Release.Name }}
{{- end }}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if regexMatch "^[a-z][a-z0-9-]*$" $name -}}
{{ $name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{- /* A Service's name begins with a letter and has no dot. The digest keeps the release a.b apart from a-b. */ -}}
{{ regexReplaceAll "^[0-9]" $name "r-${0}" | replace "." "-" | trunc 48 | trimSuffix "-" }}-{{ sha256sum $name | trunc 8 }}
{{- end -}}
{{- end -}}

{{/* The name of cluster-wide objects and of objects in another namespace. Releases of the same name must not share it. */}}
{{- define "ivschat-operator.clusterName" -}}
{{ printf "%s-%s" (include "ivschat-operator.namespace" .) (include "ivschat-operator.fullname" .) }}
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
app.kubernetes.io/name: {{ include "ivschat-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The operator's pods. */}}
{{- define "ivschat-operator.selectorLabels" -}}
{{ include "ivschat-operator.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* The labels that the chart itself gives to every object. */}}
{{- define "ivschat-operator.chartLabels" -}}
{{ include "ivschat-operator.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "ivschat-operator.labels" -}}
{{ include "ivschat-operator.labelsAnd" (list . dict) }}
{{- end -}}

{{/* The labels of an object that has more of its own: (list $ MORE). */}}
{{- define "ivschat-operator.labelsAnd" -}}
{{- $root := first . }}
{{- $more := last . | default dict }}
{{- $ours := include "ivschat-operator.chartLabels" $root | fromYaml }}
{{- $common := $root.Values.commonLabels | default dict }}
{{- merge dict $more $ours $common | toYaml }}
{{- end -}}

{{- define "ivschat-operator.image" -}}
{{- $repository := required "image.repository is required: build an image and name it, e.g. --set image.repository=REGISTRY/ivschat-operator" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" $repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* What the operator may do with ChatRooms and events in each namespace that it watches. */}}
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
  name: {{ include "ivschat-operator.serviceAccountName" . | quote }}
  namespace: {{ include "ivschat-operator.namespace" . | quote }}
{{- end -}}

{{/* A duration of Prometheus, e.g. 1m30s, in milliseconds. */}}
{{- define "ivschat-operator.milliseconds" -}}
{{- $sum := 0 }}
{{- range $unit, $length := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 }}
{{- $part := regexFind (printf "[0-9]+%s([0-9]|$)" $unit) $ }}
{{- $sum = regexFind "[1-9][0-9]*" (regexFind "^[0-9]+" $part) | int64 | mul $length | add $sum }}
{{- end }}
{{- $sum }}
{{- end -}}
