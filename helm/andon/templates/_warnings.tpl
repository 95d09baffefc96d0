{{/* What works and will hurt one day: sentences for NOTES.txt, as a JSON array. */}}
{{- define "andon.warnings" -}}
{{- $warnings := list }}
{{- $settings := .Values.settings }}
{{- $alerting := default dict .Values.services.alerting.settings }}
{{- $pages := or (dig "alertmanager" "url" "" $settings) (dig "webhook" "url" "" $settings) (dig "alertmanager" "url" "" $alerting) (dig "webhook" "url" "" $alerting) }}
{{- if and .Values.services.alerting.enabled (not $pages) }}
{{- $warnings = append $warnings "nobody is paged. Incidents are seen at the console alone, until settings.alertmanager.url, or services.alerting.settings.webhook.url, says whom to tell." }}
{{- end }}
{{- if hasPrefix "SASL_PLAIN" (dig "kafka" "security_protocol" "PLAINTEXT" $settings) | or (eq "PLAINTEXT" (dig "kafka" "security_protocol" "PLAINTEXT" $settings)) }}
{{- $warnings = append $warnings "frames and verdicts travel to Kafka in plain text, and whoever reaches it can write there. settings.kafka.security_protocol: SASL_SSL or SSL." }}
{{- end }}
{{- if hasPrefix "redis://" (dig "redis" "url" "" $settings) }}
{{- $warnings = append $warnings "Redis is spoken to in plain text. settings.redis.url: rediss://..." }}
{{- end }}
{{- $shared := list }}
{{- range $store := list "bundles" "frames" "evidence" }}
{{- $of := get $.Values.stores $store }}
{{- if and (not $of.url) (not $of.volume.existingClaim) (not (has "ReadWriteMany" $of.volume.accessModes)) }}{{ $shared = append $shared $store }}{{ end }}
{{- end }}
{{- if $shared }}
{{- $warnings = append $warnings (printf "the volume of %s is seen by the pods of one node alone (ReadWriteOnce): with several nodes pods wait for each other. Take accessModes: [ReadWriteMany], or stores.<name>.url: s3://..." (join ", " $shared)) }}
{{- end }}
{{- if and .Values.topics.create (lt (int .Values.topics.replication) 2) }}
{{- $warnings = append $warnings "topics have one copy: a broker that is lost takes frames along that nobody has seen. topics.replication: 3." }}
{{- end }}
{{- if gt (int .Values.services.ingest.replicas | default 1) 1 }}
{{- $warnings = append $warnings "ingest has several replicas. Where one station's pushes reach two of them, it has two captures at once, and the frames of the older one count for nobody: route each camera to one (behind an ingress the Service's own affinity sees the ingress alone)." }}
{{- end }}
{{- $console := .Values.services.console }}
{{- if and $console.enabled (gt (int $console.replicas | default 1) 1) (not (concat .Values.secrets (default list $console.secrets))) }}
{{- $warnings = append $warnings "the console has several replicas and no Secret with ANDON_CONSOLE__SESSION_KEY: who is signed in at one is not at another. services.console.secrets." }}
{{- end }}
{{- toJson $warnings }}
{{- end }}
