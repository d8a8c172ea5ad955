{{/* The names: the release's, with the chart's unless that is in it. */}}
{{- define "jwtgate.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 57 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 57 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{/* Envoy's name: plain for a release that is called jwtgate. */}}
{{- define "jwtgate.envoy" -}}
{{- if eq .Release.Name .Chart.Name }}envoy{{ else }}{{ include "jwtgate.fullname" . }}-envoy{{ end -}}
{{- end }}

{{- define "jwtgate.deny" -}}
{{- if eq .Release.Name .Chart.Name }}nothing-comes-in{{ else }}{{ include "jwtgate.fullname" . }}-nothing-comes-in{{ end -}}
{{- end }}

{{- define "jwtgate.applicationPolicy" -}}
{{- if eq .Release.Name .Chart.Name }}application{{ else }}{{ include "jwtgate.fullname" . }}-application{{ end -}}
{{- end }}

{{/* What a selector takes: never more than one release's one component. */}}
{{- define "jwtgate.selector" -}}
app.kubernetes.io/name: jwtgate
app.kubernetes.io/component: {{ .component }}
{{- if ne .root.Release.Name .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
{{- end }}

{{- define "jwtgate.labels" -}}
{{ include "jwtgate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "jwtgate.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* jwtgate.yaml, as YAML, with what the chart mounts. */}}
{{- define "jwtgate.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.cognito.userPoolId }}
{{- if $config }}{{ fail "cognito and config are mutually exclusive; write everything in config" }}{{ end }}
{{- $config = dict
      "issuers" (dict "cognito" (dict "cognito" .Values.cognito.userPoolId "clients" (list (required "cognito.clientId is missing" .Values.cognito.clientId))))
      "identity" (dict "strip" (list "x-user-roles"))
      "routes" (list (dict "match" "GET /health" "access" "public"))
      "default" "required" }}
{{- end }}
{{- if not $config }}{{ fail "the issuer is missing; set cognito.userPoolId and cognito.clientId, or write the whole of jwtgate.yaml in config" }}{{ end }}
{{- if not (hasKey $config "cache_dir") }}{{ $_ := set $config "cache_dir" "/var/cache/jwtgate" }}{{ end }}
{{- if include "jwtgate.revoked" . }}
{{- if hasKey $config "revoked" }}{{ fail "config.revoked and the value revoked are mutually exclusive; keep one of them" }}{{ end }}
{{- $_ := set $config "revoked" (dict "file" "/etc/jwtgate-revoked/revoked.jsonl") }}
{{- end }}
{{- with .Values.gate.tls.secretName }}
{{- $server := deepCopy ($config.server | default dict) }}
{{- if hasKey $server "tls" }}{{ fail "config.server.tls and gate.tls are mutually exclusive; keep one of them" }}{{ end }}
{{- $tls := dict "cert_file" "/etc/jwtgate-tls/tls.crt" "key_file" "/etc/jwtgate-tls/tls.key" }}
{{- with $.Values.gate.tls.clientNames }}
{{- $_ := set $tls "client_ca_file" "/etc/jwtgate-tls/ca.crt" }}
{{- $_ := set $tls "client_names" . }}
{{- end }}
{{- $_ := set $config "server" (set $server "tls" $tls) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* The ConfigMap with the list of revoked tokens; empty: there is none. */}}
{{- define "jwtgate.revoked" -}}
{{- if and .Values.revoked.configMap .Values.revoked.lines }}{{ fail "revoked.configMap and revoked.lines are mutually exclusive; keep one of them" }}{{ end }}
{{- if .Values.revoked.lines }}{{ include "jwtgate.fullname" . }}-revoked{{ else }}{{ .Values.revoked.configMap }}{{ end -}}
{{- end }}

{{/* envoy.yaml: the shipped file with this release's values. A place that is not there
     exactly so is an error, never a file that looks edited. */}}
{{- define "jwtgate.bootstrap" -}}
{{- $file := .Files.Get "files/envoy.yaml" }}
{{- if .Values.gate.tls.secretName }}{{ fail "gate.tls.secretName is set, and the shipped Envoy file has no TLS to jwtgate; pass your own with --set-file envoy.bootstrap=envoy.yaml (docs/configuration.md#tls)" }}{{ end }}
{{- $clusters := regexFind `(?s)\n  - name: app\n.*$` $file | trimPrefix "\n" }}
{{- range .Values.applications }}
{{- $own := regexReplaceAll `name: app(_grpc)?\n` $clusters (printf "name: %s${1}\n" .name) }}
{{- $file = print $file (replace "{ address: application, port_value: 9090 }" (printf "{ address: %s, port_value: %d }" .host (int .port)) $own) }}
{{- end }}
{{- $changes := list
      (list "{ address: jwtgate, port_value: 9001 }" (printf "{ address: %s, port_value: 9001 }" (include "jwtgate.fullname" .)))
      (list "{ address: application, port_value: 9090 }" (printf "{ address: %s, port_value: %d }" .Values.application.host (int .Values.application.port)))
      (list "allow_origin_string_match: []" (printf "allow_origin_string_match: %s" (include "jwtgate.origins" .)))
      (list "xff_num_trusted_hops: 0" (printf "xff_num_trusted_hops: %d" (int .Values.envoy.trustedHops)))
      (list "              routes:\n" (print "              routes:\n" (include "jwtgate.routes" .))) }}
{{- if .Values.envoy.tls.secretName }}
{{- $changes = append $changes (list "    filter_chains:\n    - filters:\n" (include "jwtgate.filterChain" .)) }}
{{- end }}
{{- if .Values.envoy.metrics.enabled }}
{{- $changes = append $changes (list "  listeners:\n" (include "jwtgate.statsListener" .)) }}
{{- $changes = append $changes (list "\n  clusters:\n" (include "jwtgate.statsCluster" .)) }}
{{- end }}
{{- range $changes }}
{{- if not (contains (first .) $file) }}{{ fail (printf "files/envoy.yaml does not hold %q" (first .)) }}{{ end }}
{{- $file = replace (first .) (last .) $file }}
{{- end }}
{{- $file }}
{{- end }}

{{/* The routes of `applications`, before those of `application`. gRPC has its own cluster. */}}
{{- define "jwtgate.routes" -}}
{{- range .Values.applications }}
{{- $path := printf "path_separated_prefix: %q" .prefix }}
{{- if eq .prefix "/" }}{{ $path = `prefix: "/"` }}{{ end }}
{{- if .hosts }}
{{- $path = printf `%s, headers: [ { name: ":authority", string_match: { safe_regex: { regex: "(?i)(%s)(:[0-9]+)?" } } } ]` $path (join "|" .hosts | replace "." "[.]") }}
{{- end }}
{{- printf "              - match: { %s, grpc: {} }\n" $path }}
{{- printf "                route: { cluster: %s_grpc, timeout: 0s }\n" .name }}
{{- printf "              - match: { %s }\n" $path }}
{{- printf "                route: { cluster: %s, timeout: 0s }\n" .name }}
{{- end }}
{{- end }}

{{/* TLS from clients. Envoy watches the folder, and reads a renewed certificate. */}}
{{- define "jwtgate.filterChain" }}    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: { tls_minimum_protocol_version: TLSv1_2 }
            tls_certificate_sds_secret_configs:
            - name: downstream
              sds_config: { path_config_source: { path: /etc/envoy/tls.yaml } }
      filters:
{{ end }}

{{- define "jwtgate.secrets" -}}
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: downstream
  tls_certificate:
    certificate_chain: { filename: /etc/envoy-tls/tls.crt }
    private_key: { filename: /etc/envoy-tls/tls.key }
    watched_directory: { path: /etc/envoy-tls }
{{- end }}

{{/* One path of Envoy's admin port, without the others. */}}
{{- define "jwtgate.statsListener" }}  listeners:
  - name: stats
    address: { socket_address: { address: 0.0.0.0, port_value: 9902 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: stats
          route_config:
            virtual_hosts:
            - name: stats
              domains: [ "*" ]
              routes:
              - match: { path: /stats/prometheus, headers: [ { name: ":method", string_match: { exact: GET } } ] }
                route: { cluster: stats }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
{{ end }}

{{- define "jwtgate.statsCluster" }}
  clusters:
  - name: stats
    type: STATIC
    load_assignment:
      cluster_name: stats
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9901 } } }
{{ end }}

{{- define "jwtgate.origins" -}}
{{- if .Values.origins -}}
[ {{ range $i, $origin := .Values.origins }}{{ if $i }}, {{ end }}{ exact: {{ $origin | quote }} }{{ end }} ]
{{- else -}}
[]
{{- end -}}
{{- end }}

{{/* The restricted Pod Security Standard, and what it leaves open. */}}
{{- define "jwtgate.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What gate and envoy have in common: the pod's placing, and the container's variables
     and mounts. `of` is the values of one of them. */}}
{{- define "jwtgate.placing" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{- define "jwtgate.envFrom" -}}
{{- with .of.envFrom }}
envFrom: {{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{- define "jwtgate.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "jwtgate.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "jwtgate.selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/* One pod at a time may be drained, and the autoscaler sets the replicas. */}}
{{- define "jwtgate.fleet" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{- include "jwtgate.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "jwtgate.selector" . | nindent 6 }}
{{- if .of.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels: {{- include "jwtgate.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ .name }} }
  minReplicas: {{ .of.autoscaling.minReplicas }}
  maxReplicas: {{ .of.autoscaling.maxReplicas }}
  metrics:
  - type: Resource
    resource: { name: cpu, target: { type: Utilization, averageUtilization: {{ .of.autoscaling.targetCPUUtilizationPercentage }} } }
  behavior:
    scaleDown: { stabilizationWindowSeconds: 300 }
{{- end }}
{{- end }}
