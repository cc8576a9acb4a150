{{/*
The operator's settings, as a map from environment variable to value: what a pod runs with, and what `release` must be given.
*/}}
{{- define "ivschat-operator.settings" -}}
LEASE_NAMESPACE: {{ include "ivschat-operator.namespace" . | quote }}
LEASE_NAME: {{ include "ivschat-operator.fullname" . | quote }}
LEASE_DURATION: {{ .Values.leaseDuration | quote }}
{{- with .Values.clusterId }}
CLUSTER_ID: {{ . | quote }}
{{- end }}
{{- with .Values.formerClusterIds }}
FORMER_CLUSTER_ID: {{ join "," . | quote }}
{{- end }}
{{- with .Values.watchNamespaces }}
WATCH_NAMESPACE: {{ join "," . | quote }}
{{- end }}
{{- with .Values.class }}
CLASS: {{ . | quote }}
{{- end }}
{{- with .Values.defaultTags }}
{{- $tags := list }}
{{- range $key, $value := . }}
{{- $tags = append $tags (printf "%s=%s" $key $value) }}
{{- end }}
DEFAULT_TAGS: {{ join "," $tags | quote }}
{{- end }}
{{- with .Values.ignoreTags }}
IGNORE_TAGS: {{ join "," . | quote }}
{{- end }}
DEFAULT_DELETION_POLICY: {{ .Values.defaultDeletionPolicy | quote }}
{{- with .Values.maxDeletionsPerMinute }}
MAX_DELETIONS_PER_MINUTE: {{ int64 . | quote }}
{{- end }}
DRIFT_INTERVAL: {{ .Values.driftInterval | quote }}
INDEX_INTERVAL: {{ .Values.indexInterval | quote }}
CHANGES_INTERVAL: {{ .Values.changesInterval | quote }}
VERIFY_INTERVAL: {{ .Values.verifyInterval | quote }}
CONCURRENCY: {{ int64 .Values.concurrency | quote }}
QUOTA_FACTOR: {{ .Values.quotaFactor | quote }}
LOG_FORMAT: {{ .Values.logFormat | quote }}
{{- $regions := .Values.aws.regions | default list }}
{{- with .Values.aws.region | default (first $regions) }}
AWS_REGION: {{ . | quote }}
{{- if $regions }}
REGIONS: {{ prepend $regions . | uniq | join "," | quote }}
{{- end }}
{{- end }}
{{- with .Values.aws.endpointUrl }}
AWS_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "ivschat-operator.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: HTTP_ADDRESS
  value: "[::]:8080"
{{- if ne .Values.logLevel "info" }}
# Libraries log only warnings and errors.
- name: RUST_LOG
  value: {{ has .Values.logLevel (list "error" "warn") | ternary .Values.logLevel (print "warn,kube_runtime=error,ivschat_operator=" .Values.logLevel) | quote }}
{{- end }}
{{- range $name, $value := include "ivschat-operator.settings" . | fromYaml }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.proxy.https }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if include "ivschat-operator.hasPrivateCa" . }}
# The image's own certificates and the private ones.
- name: SSL_CERT_DIR
  value: /etc/ssl/certs:/etc/ivschat-operator/ca
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ivschat-operator.hasPrivateCa" -}}
{{- if or .Values.privateCa.configMap .Values.privateCa.secret }}yes{{ end -}}
{{- end -}}

{{- define "ivschat-operator.volumes" -}}
{{- if include "ivschat-operator.hasPrivateCa" . }}
- name: private-ca
  {{- if .Values.privateCa.configMap }}
  configMap:
    name: {{ .Values.privateCa.configMap | quote }}
  {{- else }}
  secret:
    secretName: {{ .Values.privateCa.secret | quote }}
  {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ivschat-operator.volumeMounts" -}}
{{- if include "ivschat-operator.hasPrivateCa" . }}
- name: private-ca
  mountPath: /etc/ivschat-operator/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The part of the pod that the operator and `helm test` share. */}}
{{- define "ivschat-operator.podSpec" -}}
serviceAccountName: {{ include "ivschat-operator.serviceAccountName" . | quote }}
automountServiceAccountToken: true
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
enableServiceLinks: false
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "ivschat-operator.volumes" . | trim }}
volumes:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The part of the container that they share. */}}
{{- define "ivschat-operator.container" -}}
image: {{ include "ivschat-operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "ivschat-operator.env" . | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "ivschat-operator.volumeMounts" . | trim }}
volumeMounts:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}
