{{/*
A pod: everything that services, Jobs and the test have in common, once. Given: root, name (the component), service (what
differs: see `services` in values.yaml), gpu (whether it gets one).
*/}}

{{/* What differs, over what holds for every pod (`pods`): one word stands in the place of the other. As JSON. */}}
{{- define "andon.service" -}}
{{- $it := deepCopy .root.Values.pods }}
{{- range $word, $value := .service }}{{ if not (kindIs "invalid" $value) }}{{ $_ := set $it $word $value }}{{ end }}{{ end }}
{{- if and (eq .name "trainer") .root.Values.training.jobs }}
{{- $_ := set $it "token" true }}
{{- $_ := set $it "account" (include "andon.account" (dict "root" .root "account" "trainer")) }}
{{- end }}
{{- $gpu := .root.Values.gpu }}
{{- if and $gpu.enabled (has .name $gpu.services) }}
{{- $limits := merge (dict $gpu.resource $gpu.count) (default dict $it.resources.limits) }}
{{- $_ := set $it "resources" (merge (dict "limits" $limits) $it.resources) }}
{{- $_ := set $it "tolerations" (concat (default list $it.tolerations) $gpu.tolerations) }}
{{- $_ := set $it "runtimeClassName" $gpu.runtimeClassName }}
{{- $_ := set $it "nodeSelector" (merge (deepCopy (default dict $gpu.nodeSelector)) (default dict $it.nodeSelector)) }}
{{- $_ := set $it "image" (printf "%s-gpu" $it.image) }}
{{- $_ := set $it "strategy" (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 0 "maxUnavailable" 1)) }}
{{- $_ := set $it "startupSeconds" (max $gpu.startupSeconds $it.startupSeconds) }}
{{- end }}
{{- toJson $it }}
{{- end }}

{{/* The pod's metadata and spec. `service` is what andon.service gives. */}}
{{- define "andon.pod" -}}
{{- $root := .root }}
{{- $service := .service }}
metadata:
  labels:
    {{- include "andon.podLabels" (dict "root" .root "component" .name) | nindent 4 }}
    {{- with $service.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $service.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "andon.podSpec" . | trim | nindent 2 }}
{{- end }}

{{- define "andon.podSpec" -}}
{{- $service := .service }}
serviceAccountName: {{ default (include "andon.fullname" .root) $service.account }}
automountServiceAccountToken: {{ default false $service.token }}
enableServiceLinks: false
{{- with $service.restart }}
restartPolicy: {{ . }}
{{- end }}
securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, fsGroupChangePolicy: OnRootMismatch, seccompProfile: {type: RuntimeDefault}}
terminationGracePeriodSeconds: {{ int64 $service.graceSeconds }}
{{- with $service.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $service.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with $service.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  {{- range list "not-ready" "unreachable" }} {{- /* the cluster's own 300 s would leave stations blind for so long */}}
  - {key: node.kubernetes.io/{{ . }}, operator: Exists, effect: NoExecute, tolerationSeconds: {{ int64 $service.lostNodeSeconds }}}
  {{- end }}
  {{- with $service.tolerations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- if not $service.once }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "andon.selectorLabels" (dict "root" .root "component" .name) | nindent 8 }}
{{- end }}
{{- with .init }}
initContainers:
  - {{- include "andon.container" . | trim | nindent 4 }}
{{- end }}
containers:
  - {{- include "andon.container" . | trim | nindent 4 }}
volumes:
  {{- include "andon.volumes" . | nindent 2 }}
{{- end }}

{{- define "andon.container" -}}
{{- $service := .service }}
name: {{ default .name .container }}
image: {{ include "andon.image" (dict "root" .root "image" $service.image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- with $service.command }}
command: {{ toJson . }}
{{- end }}
{{- with $service.args }}
args: {{ toJson . }}
{{- end }}
env:
  {{- include "andon.env" . | nindent 2 }}
{{- if not $service.once }}
ports:
  - {name: http, containerPort: 8080}
  {{- with $service.port }}
  - {name: {{ $.name }}, containerPort: {{ . }}}
  {{- end }}
startupProbe: # for as long as packages take to load; the others begin when it is done
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: {{ div (add $service.startupSeconds 1) 2 }}
livenessProbe: # the loop's own progress, never somebody else's reachability
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 3
{{- with $service.pauseSeconds }}
lifecycle: # until every node has heard that this pod is called no more; only then SIGTERM
  preStop: {sleep: {seconds: {{ . }}}}
{{- end }}
{{- end }}
resources: {{- toYaml $service.resources | nindent 2 }}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, privileged: false, capabilities: {drop: [ALL]}}
volumeMounts:
  {{- include "andon.mounts" . | nindent 2 }}
{{- end }}

{{- define "andon.env" -}}
{{- include "andon.settings" . | trim }}
{{- range $variable, $text := merge (deepCopy (default dict .service.env)) (default dict .root.Values.env) }}
- {name: {{ $variable }}, value: {{ $text | toJson }}}
{{- end }}
{{- if include "andon.secretSources" . | trim }}
- {name: ANDON_SECRETS_DIR, value: /etc/andon/secrets}
{{- end }}
{{- if .service.stores }}{{ include "andon.s3env" .root }}{{ end }}
{{- end }}

{{/* Secrets of every pod, its own, and its Kafka user's: sources of one volume. */}}
{{- define "andon.secretSources" -}}
{{- range concat .root.Values.secrets (default list .service.secrets) | uniq }}
- secret: {name: {{ . }}}
{{- end }}
{{ include "andon.kafkaUserSources" (dict "root" .root "name" .name) | trim }}
{{- end }}

{{/* The volume of a store, where it is one: nothing, where a URL is given. (dict "root" $ "store" "bundles") */}}
{{- define "andon.claim" -}}
{{- $store := get .root.Values.stores .store }}
{{- if not $store.url }}{{ default (include "andon.name" (dict "root" .root "component" .store)) $store.volume.existingClaim }}{{ end }}
{{- end }}

{{/* What S3 clients read from the environment; nothing of it is secret. */}}
{{- define "andon.s3env" -}}
{{- $s3 := .Values.stores.s3 }}
{{- with $s3.endpoint }}
- {name: AWS_ENDPOINT_URL_S3, value: {{ . | toJson }}}
{{- end }}
{{- with $s3.region }}
- {name: AWS_DEFAULT_REGION, value: {{ . | toJson }}}
{{- end }}
{{- with $s3.caFile }}
- {name: AWS_CA_BUNDLE, value: {{ . | toJson }}}
{{- end }}
{{- if $s3.secret }}
- {name: AWS_SHARED_CREDENTIALS_FILE, value: /etc/andon/aws/credentials}
- {name: AWS_EC2_METADATA_DISABLED, value: "true"}
{{- end }}
{{- end }}

{{- define "andon.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- range $store, $how := .service.stores }}
{{- if include "andon.claim" (dict "root" $.root "store" $store) }}
- {name: {{ $store }}, mountPath: /data/{{ $store }}{{ if eq $how "read" }}, readOnly: true{{ end }}}
{{- end }}
{{- end }}
{{- if .service.line }}
- {name: line, mountPath: /etc/andon/line, readOnly: true} # the folder, so that a changed file is seen
{{- end }}
{{- if include "andon.secretSources" . | trim }}
- {name: secrets, mountPath: /etc/andon/secrets, readOnly: true}
{{- end }}
{{- if .root.Values.certificates.secret }}
- {name: certificates, mountPath: /etc/andon/tls, readOnly: true}
{{- end }}
{{- if and .service.stores .root.Values.stores.s3.secret }}
- {name: aws, mountPath: /etc/andon/aws, readOnly: true}
{{- end }}
{{- if and .service.people .root.Values.people.secret }}
- {name: people, mountPath: /etc/andon/people, readOnly: true}
{{- end }}
{{- with .service.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "andon.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .service.tmp }}}
{{- range $store, $how := .service.stores }}
{{- with include "andon.claim" (dict "root" $.root "store" $store) }}
- name: {{ $store }}
  persistentVolumeClaim: {claimName: {{ . }}}
{{- end }}
{{- end }}
{{- if .service.line }}
- name: line
  configMap: {name: {{ include "andon.lineName" .root }}}
{{- end }}
{{- with include "andon.secretSources" . | trim }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- with .root.Values.certificates.secret }}
- name: certificates
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- if .service.stores }}{{ with .root.Values.stores.s3.secret }}
- name: aws
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}{{ end }}
{{- if .service.people }}{{ with .root.Values.people.secret }}
- name: people
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}{{ end }}
{{- with .service.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "andon.lineName" -}}
{{ default (include "andon.name" (dict "root" . "component" "line")) .Values.lineConfigMap }}
{{- end }}
