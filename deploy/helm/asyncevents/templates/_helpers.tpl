{{- define "asyncevents.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "asyncevents.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "asyncevents.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "asyncevents.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "asyncevents.selector" -}}
app.kubernetes.io/name: {{ include "asyncevents.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "asyncevents.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "asyncevents.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "asyncevents.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "asyncevents.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "asyncevents.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* What every container has in common. */}}
{{- define "asyncevents.container" -}}
image: {{ include "asyncevents.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
env:
  - name: ASYNCEVENTS_SETTINGS_MODULE
    value: asyncevents_settings
  - name: PYTHONPATH
    value: /etc/asyncevents:/app
  - name: ASYNCEVENTS_HEALTH_ADDRESS
    value: {{ printf "0.0.0.0:%d" (int .Values.health.port) | quote }}
  - name: ASYNCEVENTS_METRICS
    value: prometheus
  {{- range $name, $value := .Values.settings.environment }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
{{- with .Values.secrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}

{{/* A part of a pod: which volumes it has. `.config` is the name of the ConfigMap. */}}
{{- define "asyncevents.volumes" -}}
- name: settings
  configMap: {name: {{ .config }}}
- name: tmp
  emptyDir: {}
{{- with .more }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "asyncevents.volumeMounts" -}}
- name: settings
  mountPath: /etc/asyncevents
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- with .more }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where pods are placed: `.part` is `worker` or `server` of the values. */}}
{{- define "asyncevents.placement" -}}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
