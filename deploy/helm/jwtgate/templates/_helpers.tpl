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

{{/* jwtgate.yaml, as YAML. */}}
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
{{- toYaml $config }}
{{- end }}

{{/* envoy.yaml: the shipped file with this release's addresses. A place that is
     not there exactly so is an error, never a file that looks edited. */}}
{{- define "jwtgate.bootstrap" -}}
{{- $file := .Files.Get "files/envoy.yaml" }}
{{- $changes := list
      (list "{ address: jwtgate, port_value: 9001 }" (printf "{ address: %s, port_value: 9001 }" (include "jwtgate.fullname" .)))
      (list "{ address: application, port_value: 9090 }" (printf "{ address: %s, port_value: %d }" .Values.application.host (int .Values.application.port)))
      (list `[ { exact: "http://localhost:3000" } ]` (include "jwtgate.origins" .)) }}
{{- range $changes }}
{{- if not (contains (first .) $file) }}{{ fail (printf "files/envoy.yaml does not hold %q" (first .)) }}{{ end }}
{{- $file = replace (first .) (last .) $file }}
{{- end }}
{{- $file }}
{{- end }}

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
  seccompProfile: { type: RuntimeDefault }
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
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels: {{- include "jwtgate.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ .name }} }
  minReplicas: {{ .autoscaling.minReplicas }}
  maxReplicas: {{ .autoscaling.maxReplicas }}
  metrics:
  - type: Resource
    resource: { name: cpu, target: { type: Utilization, averageUtilization: {{ .autoscaling.targetCPUUtilizationPercentage }} } }
  behavior:
    scaleDown: { stabilizationWindowSeconds: 300 }
{{- end }}
