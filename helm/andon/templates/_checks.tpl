{{/*
What cannot work, told in a sentence before anything is installed. Given: root, name, service (with `pods`), gpu.
*/}}
{{- define "andon.checks" -}}
{{- $known := (include "andon.known" (dict "root" .root "known" .name) | fromJson).of }}
{{- $of := dict "root" .root "name" .name }}
{{- $where := printf "services.%s" .name }}
{{- if not (include "andon.guards.setting" (merge (dict "path" "kafka.bootstrap_servers") $of)) }}
{{- fail (printf "\n\nWhere is Kafka? %s reads it: set settings.kafka.bootstrap_servers, such as --set settings.kafka.bootstrap_servers=kafka-bootstrap.kafka:9092" .name) }}
{{- end }}
{{- if and (has "redis.url" $known) (not (include "andon.guards.setting" (merge (dict "path" "redis.url") $of))) }}
{{- fail (printf "\n\nWhere is Redis? %s keeps its state there: set settings.redis.url, such as --set settings.redis.url=redis://redis.redis:6379/0" .name) }}
{{- end }}
{{- $partitions := int .root.Values.topics.partitions }}
{{- if and (has .name (include "andon.byPartition" . | fromJsonArray)) (gt (int .service.replicas) $partitions) }}
{{- fail (printf "\n\n%s.replicas is %d, and its topics have %d partitions: the others would get nothing. Take at most %d, or more partitions (topics.partitions; of topics that are there, docs/scaling.md says how)." $where (int .service.replicas) $partitions $partitions) }}
{{- end }}
{{- $device := include "andon.guards.setting" (merge (dict "path" "models.device") $of) }}
{{- if and (has "models.device" $known) (eq $device "cuda") (not .gpu) }}
{{- fail (printf "\n\n%s would look for a GPU (models.device: cuda) in an image without CUDA and on a pod without one. Set gpu.enabled=true (and %s in gpu.services), and leave models.device away." $where .name) }}
{{- end }}
{{- $method := include "andon.guards.setting" (merge (dict "path" "jobs.method") $of) }}
{{- if and (eq .name "trainer") (eq $method "train") .root.Values.training.jobs (ne .root.Values.training.image "training-torch") }}
{{- fail "\n\nThe trainer would train with anomalib (jobs.method: train) in an image without it: set training.image=training-torch." }}
{{- end }}
{{- if and .gpu (has $device (list "cpu")) }}
{{- fail (printf "\n\n%s would get a whole GPU and not use it (models.device: cpu). Leave models.device away, or take %s out of gpu.services." $where .name) }}
{{- end }}
{{- range $variable, $_ := merge (deepCopy (default dict .service.env)) .root.Values.env }}
{{- if hasPrefix "ANDON_" $variable }}
{{- fail (printf "\n\nenv.%s: settings stand in settings, or %s.settings, in the words of docs/settings.md: there they are checked." $variable $where) }}
{{- end }}
{{- if regexMatch "(PASSWORD|PASSWD|SECRET|TOKEN|_KEY)$" $variable }}
{{- fail (printf "\n\nenv.%s looks like a secret. Those come from Secrets, as files: see secrets, and stores.s3.secret." $variable) }}
{{- end }}
{{- end }}
{{- if not (gt (int .service.graceSeconds) (add 25 (int .service.pauseSeconds))) }}
{{- fail (printf "\n\n%s.graceSeconds is %d: it needs more than its pause of %d s and the 25 s in which a service ends." $where (int .service.graceSeconds) (int .service.pauseSeconds)) }}
{{- end }}
{{- end }}

{{/* The services that share the partitions of their topics. */}}
{{- define "andon.byPartition" -}}
["preprocess", "scoring", "shadow-scoring", "drift", "alerting", "evidence", "ledger-watch", "machines"]
{{- end }}
