{{/* Names and labels. `andon.fullname` takes the root; the others (dict "root" $ "component" "scoring"). */}}

{{- define "andon.fullname" -}}
{{- $name := default (ternary .Release.Name (printf "%s-andon" .Release.Name) (contains "andon" .Release.Name)) .Values.fullnameOverride }}
{{- if gt (len $name) 36 }}
{{- fail (printf "\n\nThe name %q has %d characters. At most 36 leave room for what is called after it (names of CronJobs end at 52): choose a shorter release name, or set fullnameOverride." $name (len $name)) }}
{{- end }}
{{- $name }}
{{- end }}

{{- define "andon.name" -}}
{{ include "andon.fullname" .root }}-{{ .component }}
{{- end }}

{{- define "andon.selectorLabels" -}}
app.kubernetes.io/name: andon
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* A pod's: not the chart's own version, or a new chart alone would restart everything. */}}
{{- define "andon.podLabels" -}}
{{ include "andon.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: andon
{{- end }}

{{- define "andon.labels" -}}
{{ include "andon.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (dict "root" $ "image" "scoring"): the image's whole name. */}}
{{- define "andon.image" -}}
{{- $of := .root.Values.image }}
{{- $name := printf "%sandon-%s" (empty $of.registry | ternary "" (printf "%s/" (trimSuffix "/" $of.registry))) .image }}
{{- $digest := get (default dict $of.digests) .image }}
{{- if $digest }}{{ $name }}@{{ $digest }}{{ else }}{{ $name }}:{{ default .root.Chart.AppVersion $of.tag }}{{ end }}
{{- end }}

{{/* Whether a service runs: (dict "root" $ "name" "scoring") gives "true" or nothing. */}}
{{- define "andon.on" -}}
{{- with get .root.Values.services .name }}{{ if .enabled }}true{{ end }}{{ end }}
{{- end }}

{{/* (dict "root" $ "account" "trainer"): the name of an account; "" is everybody's. */}}
{{- define "andon.account" -}}
{{ include "andon.fullname" .root }}{{ with .account }}-{{ . }}{{ end }}
{{- end }}
