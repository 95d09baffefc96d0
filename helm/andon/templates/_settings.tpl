{{/*
From settings, a tree in the words of docs/settings.md, to ANDON_ variables. settings.json says which service knows which;
helm/generate.py writes it from the models that read them.
*/}}

{{/* A value as the text of a variable. YAML's numbers come as floats: 16777216 must not become 1.6777216e+07. */}}
{{- define "andon.text" -}}
{{- if kindIs "invalid" . }}none
{{- else if kindIs "float64" . }}{{ if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- else if kindIs "slice" . }}{{ join "," . }}
{{- else }}{{ . }}
{{- end }}
{{- end }}

{{/* (dict "tree" TREE "path" ""): a JSON object, from the path with dots to the text. */}}
{{- define "andon.flat" -}}
{{- $flat := dict }}
{{- range $key, $value := .tree }}
{{- $path := empty $.path | ternary $key (printf "%s.%s" $.path $key) }}
{{- if kindIs "map" $value }}
{{- $flat = merge $flat (include "andon.flat" (dict "tree" $value "path" $path) | fromJson) }}
{{- else }}
{{- $_ := set $flat $path (include "andon.text" $value) }}
{{- end }}
{{- end }}
{{- toJson $flat }}
{{- end }}

{{/* (dict "root" $ "known" "scoring"): which paths that one knows, as {"of": [...]}. */}}
{{- define "andon.known" -}}
{{- $known := .root.Files.Get "settings.json" | fromJson }}
{{- dict "of" (concat $known.every (get $known .known)) | toJson }}
{{- end }}

{{/* What the chart itself says, as a tree: where things lie. Given: root, name, service. */}}
{{- define "andon.derived" -}}
{{- $stores := .root.Values.stores }}
{{- $tree := dict "http" (dict "host" "0.0.0.0" "port" 8080) "line" "/etc/andon/line/line.yaml" }}
{{- $_ := set $tree "store" (dict "bundles" (default "/data/bundles" $stores.bundles.url) "frames" (default "/data/frames" $stores.frames.url)) }}
{{- $_ := set $tree "evidence" (dict "url" (default "/data/evidence" $stores.evidence.url)) }}
{{- if .gpu }}{{ $_ := set $tree "models" (dict "device" "cuda") }}{{ end }}
{{- if eq .name "console" }}{{ $_ := set $tree "console" (include "andon.people" .root | fromJson) }}{{ end }}
{{- if eq .name "trainer" }}{{ $_ := set $tree "jobs" (include "andon.jobs" .root | fromJson) }}{{ end }}
{{- with include "andon.publicUrl" .root }}{{ $_ := set $tree "links" (dict "console" (printf "%s/incidents/{incident}" .)) }}{{ end }}
{{- $tree = merge $tree (include "andon.kafkaUserSettings" . | fromJson) }}
{{- toJson $tree }}
{{- end }}

{{/* Where the console answers: to other machines only where it knows who comes; else to `kubectl port-forward` alone. */}}
{{- define "andon.people" -}}
{{- $given := mergeOverwrite (deepCopy (default dict .Values.settings.console)) (default dict .Values.services.console.settings.console) }}
{{- $open := or .Values.people.secret (get (default dict $given.proxy) "trusted") }}
{{- $tree := dict "host" (ternary "0.0.0.0" "127.0.0.1" (not (empty $open))) }}
{{- with include "andon.publicUrl" . }}{{ $_ := set $tree "public_url" . }}{{ end }}
{{- with .Values.people.secret }}{{ $_ := set $tree "people" (printf "/etc/andon/people/%s" $.Values.people.key) }}{{ end }}
{{- $host := default $tree.host $given.host }}
{{- if and (not $open) (not (hasPrefix "127." $host)) (ne $host "localhost") (ne (default "" $given.link) "always") }}
{{- fail (printf "\n\nThe console would answer to other machines (console.host: %s) and knows nobody who may come in. Say who may: people.secret (a Secret with the file that `andon console people add` writes), or settings.console.proxy.trusted (a proxy that signs people in). Without both, leave console.host away: then `kubectl port-forward` reaches it, and nobody else." $host) }}
{{- end }}
{{- toJson $tree }}
{{- end }}

{{/* How the trainer runs what it trains. */}}
{{- define "andon.jobs" -}}
{{- $name := include "andon.name" (dict "root" . "component" "training-job") }}
{{- if .Values.training.jobs }}
{{- $torch := include "andon.image" (dict "root" . "image" "training-torch") }}
{{- dict "runner" "kubernetes" "template" $name "lease" (include "andon.name" (dict "root" . "component" "trainer")) "gpu_image" $torch | toJson }}
{{- else }}
{{- dict "runner" "local" | toJson }}
{{- end }}
{{- end }}

{{/* The ANDON_ variables of one pod, as the entries of `env`. Given: root, name, service. */}}
{{- define "andon.settings" -}}
{{- $known := (include "andon.known" (dict "root" .root "known" (default .name .service.known)) | fromJson).of }}
{{- $derived := include "andon.flat" (dict "tree" (include "andon.derived" . | fromJson) "path" "") | fromJson }}
{{- $shared := include "andon.flat" (dict "tree" .root.Values.settings "path" "") | fromJson }}
{{- $own := include "andon.flat" (dict "tree" (default dict .service.settings) "path" "") | fromJson }}
{{- range $path, $text := merge $own $shared $derived }}
{{- if has $path $known }}
- {name: ANDON_{{ $path | replace "." "__" | upper }}, value: {{ $text | toJson }}}
{{- end }}
{{- end }}
{{- end }}
