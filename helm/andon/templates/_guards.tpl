{{/*
What guards the line share: where a setting stands, which ports an address names, who needs what.
*/}}

{{/* The setting of one service, its own before the shared one, as text: (dict "root" $ "name" "scoring" "path"
     "kafka.bootstrap_servers" "default" "") */}}
{{- define "andon.guards.setting" -}}
{{- $found := .default | default "" -}}
{{- $own := get (.root.Values.services | default dict) .name | default dict -}}
{{- range $tree := list (.root.Values.settings | default dict) ($own.settings | default dict) -}}
  {{- $here := $tree -}}
  {{- range $key := splitList "." $.path -}}
    {{- $here = get (ternary $here dict (kindIs "map" $here)) $key -}}
  {{- end -}}
  {{- if $here -}}
    {{- $found = $here -}}
  {{- end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* The ports of comma-separated addresses, host:port or URL, as a JSON array; without a port, that of the scheme. */}}
{{- define "andon.guards.ports" -}}
{{- $usual := dict "http" 80 "https" 443 "redis" 6379 "rediss" 6379 "mqtt" 1883 "mqtts" 8883 "opc.tcp" 4840 "" 9092 -}}
{{- $ports := list -}}
{{- range $address := splitList "," . -}}
  {{- $address = trim $address -}}
  {{- if $address -}}
    {{- $scheme := regexFind "^[a-z.]+://" $address | trimSuffix "://" -}}
    {{- $host := regexReplaceAll "^[a-z.]+://" $address "" | splitList "/" | first -}}
    {{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
    {{- $ports = append $ports (int ($port | default (get $usual $scheme))) -}}
  {{- end -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* The same of a setting, as a JSON array. */}}
{{- define "andon.guards.portsOf" -}}
{{- include "andon.guards.ports" (include "andon.guards.setting" .) -}}
{{- end -}}

{{/* Whom Kafka's consumer group of a service is called in full. */}}
{{- define "andon.guards.group" -}}
{{- $prefix := include "andon.guards.setting" (dict "root" .root "name" .name "path" "kafka.group_prefix" "default" "andon") -}}
{{- printf "%s.%s" $prefix (eq .name "ledger-watch" | ternary "ledger" .name) -}}
{{- end -}}

{{/* "true" where KEDA owns the replicas of a service: (dict "root" $ "name" "scoring"). */}}
{{- define "andon.scaled" -}}
{{- $keda := .root.Values.autoscaling.keda -}}
{{- if and $keda.enabled (get $keda.services .name | default dict).enabled -}}true{{- end -}}
{{- end -}}

{{/* What KafkaUser makes for a component, as sources of the projected volume that ANDON_SECRETS_DIR names. */}}
{{- define "andon.kafkaUserSources" -}}
{{- if include "andon.guards.userOf" . -}}
{{- if eq .root.Values.strimzi.users.authentication "scram-sha-512" }}
- secret:
    name: {{ include "andon.guards.userOf" . }}
    items: [{key: password, path: ANDON_KAFKA__SASL_PASSWORD}]
{{- else }}
- secret:
    name: {{ include "andon.guards.userOf" . }}
    items: [{key: user.crt, path: user.crt}, {key: user.key, path: user.key}]
{{- end }}
{{- end -}}
{{- end -}}

{{/* Who logs in, and how, as a tree of settings in JSON. */}}
{{- define "andon.kafkaUserSettings" -}}
{{- $user := include "andon.guards.userOf" . -}}
{{- if not $user -}}
{}
{{- else if eq .root.Values.strimzi.users.authentication "scram-sha-512" -}}
{{- dict "kafka" (dict "sasl_mechanism" "SCRAM-SHA-512" "sasl_username" $user) | toJson -}}
{{- else -}}
{{- dict "kafka" (dict "ssl_certificate_location" "/etc/andon/secrets/user.crt" "ssl_key_location" "/etc/andon/secrets/user.key") | toJson -}}
{{- end -}}
{{- end -}}

{{/* The KafkaUser of a component, where Strimzi makes them and it has rights; else nothing. */}}
{{- define "andon.guards.userOf" -}}
{{- if .root.Values.strimzi.users.enabled -}}
{{- if hasKey (.root.Files.Get "kafka/rights.yaml" | fromYaml) .name -}}
{{- printf "%s-%s" (include "andon.fullname" .root) .name -}}
{{- end -}}
{{- end -}}
{{- end -}}
