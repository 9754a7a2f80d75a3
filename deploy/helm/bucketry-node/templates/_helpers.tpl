{{- define "bucketry-node.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the longest suffix, "-metrics", and the number of a pod. */}}
{{- define "bucketry-node.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 49 | trimSuffix "-" -}}
{{- else if contains (include "bucketry-node.name" .) .Release.Name -}}
{{- .Release.Name | trunc 49 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "bucketry-node.name" .) | trunc 49 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "bucketry-node.selector" -}}
app.kubernetes.io/name: {{ include "bucketry-node.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bucketry-node.labels" -}}
{{ include "bucketry-node.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "bucketry-node.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bucketry-node.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "bucketry-node.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Refuses values that can't work together, before anything is created. */}}
{{- define "bucketry-node.check" -}}
{{- range $name := list "data_dir" "gateway_listen" "metrics_listen" "no_gateway" "node_identity" -}}
{{- if hasKey $.Values.settings $name -}}
{{- fail (printf "settings.%s: the chart sets this itself" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $instead := dict "control_plane" "controlPlane.url" "node_name" "name" "node_key" "key.existingSecret" "node_org" "key.organization" "metrics_token_file" "metrics.tokenSecret" "gateway_tls_certificate" "tls.existingSecret" "gateway_tls_key" "tls.existingSecret" -}}
{{- if hasKey $.Values.settings $name -}}
{{- fail (printf "settings.%s: set %s instead" $name $instead) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := dict "name" .Values.name "controlPlane.url" .Values.controlPlane.url "key.existingSecret" .Values.key.existingSecret -}}
{{- if not $value -}}
{{- fail (printf "%s: it is required" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.gateway.enabled (not .Values.ingress.gateway.host) -}}
{{- fail "ingress.gateway.host: set the host name" -}}
{{- end -}}
{{- if and .Values.ingress.gateway.enabled (not .Values.gateway.enabled) -}}
{{- fail "ingress.gateway.enabled: the gateway is disabled (gateway.enabled)" -}}
{{- end -}}
{{- if and .Values.tls.existingSecret (not .Values.gateway.enabled) -}}
{{- fail "tls.existingSecret: the gateway is disabled (gateway.enabled)" -}}
{{- end -}}
{{- end -}}

{{- define "bucketry-node.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
# Leaves the permissions of vault.key alone, which nobody else may read.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "bucketry-node.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "bucketry-node.container" -}}
name: bucketry
image: {{ include "bucketry-node.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - node
  - --config=/etc/bucketry/node.toml
  - --data-dir=/var/lib/bucketry
  - --control-plane={{ .Values.controlPlane.url }}
  - --node-key=/etc/bucketry-key/node.pem
  {{- with .Values.key.organization }}
  - --node-org={{ . }}
  {{- end }}
  - --metrics-listen=0.0.0.0:9464
  {{- if .Values.gateway.enabled }}
  - --gateway-listen=0.0.0.0:9000
  {{- if .Values.tls.existingSecret }}
  - --gateway-tls-certificate=/etc/bucketry-tls/tls.crt
  - --gateway-tls-key=/etc/bucketry-tls/tls.key
  {{- end }}
  {{- else }}
  - --no-gateway
  {{- end }}
env:
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: BUCKETRY_NODE_NAME
    value: $(POD_NAME).{{ .Values.name }}
  {{- if .Values.metrics.tokenSecret }}
  - name: BUCKETRY_METRICS_TOKEN_FILE
    value: /etc/bucketry-metrics/{{ .Values.metrics.tokenKey }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: metrics
    containerPort: 9464
  {{- if .Values.gateway.enabled }}
  - name: gateway
    containerPort: 9000
  {{- end }}
startupProbe:
  httpGet:
    path: /health
    port: metrics
  periodSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /health
    port: metrics
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# While the server is away, a node that knows what to serve stays ready.
readinessProbe:
  httpGet:
    path: /ready
    port: metrics
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
securityContext:
  {{- include "bucketry-node.securityContext" . | nindent 2 }}
volumeMounts:
  - name: configuration
    mountPath: /etc/bucketry
    readOnly: true
  - name: key
    mountPath: /etc/bucketry-key
    readOnly: true
  - name: data
    mountPath: /var/lib/bucketry
  {{- /* A whole directory: what is mounted as a single file isn't renewed. */}}
  {{- if .Values.tls.existingSecret }}
  - name: tls
    mountPath: /etc/bucketry-tls
    readOnly: true
  {{- end }}
  {{- if .Values.metrics.tokenSecret }}
  - name: metrics-token
    mountPath: /etc/bucketry-metrics
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes of a node, without that of its data. */}}
{{- define "bucketry-node.volumes" -}}
- name: configuration
  configMap:
    name: {{ include "bucketry-node.fullname" . }}
# Belongs to root, and the group of the node may read it.
- name: key
  secret:
    secretName: {{ .Values.key.existingSecret | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.key.key }}
        path: node.pem
{{- if .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if .Values.metrics.tokenSecret }}
- name: metrics-token
  secret:
    secretName: {{ .Values.metrics.tokenSecret }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
