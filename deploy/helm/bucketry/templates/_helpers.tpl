{{- define "bucketry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the longest suffix, "-control-plane". */}}
{{- define "bucketry.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 49 | trimSuffix "-" -}}
{{- else if contains (include "bucketry.name" .) .Release.Name -}}
{{- .Release.Name | trunc 49 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "bucketry.name" .) | trunc 49 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "bucketry.selector" -}}
app.kubernetes.io/name: {{ include "bucketry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bucketry.labels" -}}
{{ include "bucketry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "bucketry.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bucketry.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "bucketry.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Refuses values that can't work together, before anything is created. */}}
{{- define "bucketry.check" -}}
{{- range $name := list "data_dir" "listen" "gateway_listen" "metrics_listen" "no_node" "no_gateway" -}}
{{- if hasKey $.Values.settings $name -}}
{{- fail (printf "settings.%s: the chart sets this itself" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $instead := dict "database_url" "database.existingSecret" "admin_email" "admin.email" "admin_password_file" "admin.existingSecret" "metrics_token_file" "metrics.tokenSecret" "tls_certificate" "tls.existingSecret" "tls_key" "tls.existingSecret" "gateway_tls_certificate" "tls.gatewayExistingSecret" "gateway_tls_key" "tls.gatewayExistingSecret" "backup_dir" "backup.enabled" "backup_interval" "backup.intervalHours" "backup_keep" "backup.keep" "backup_keep_days" "backup.keepDays" "backup_recipients" "backup.recipients" -}}
{{- if hasKey $.Values.settings $name -}}
{{- fail (printf "settings.%s: set %s instead" $name $instead) -}}
{{- end -}}
{{- end -}}
{{- if gt (int .Values.controlPlanes.replicas) 0 -}}
{{- if not .Values.database.existingSecret -}}
{{- fail "controlPlanes.replicas: several servers need a PostgreSQL database: set database.existingSecret" -}}
{{- end -}}
{{- if not .Values.tokenKey.existingSecret -}}
{{- fail "controlPlanes.replicas: several servers need the same token key: set tokenKey.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- range $name, $ingress := dict "api" .Values.ingress.api "gateway" .Values.ingress.gateway -}}
{{- if and $ingress.enabled (not $ingress.host) -}}
{{- fail (printf "ingress.%s.host: set the host name" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.gatewayExistingSecret (not .Values.gateway.enabled) -}}
{{- fail "tls.gatewayExistingSecret: the gateway is disabled (gateway.enabled)" -}}
{{- end -}}
{{- if and .Values.ingress.gateway.enabled (not .Values.gateway.enabled) -}}
{{- fail "ingress.gateway.enabled: the gateway is disabled (gateway.enabled)" -}}
{{- end -}}
{{- end -}}

{{- define "bucketry.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
# Leaves the permissions of the key files alone, which nobody else may read.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "bucketry.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The container of a server. Its arguments: the root context, and whether it has the node. */}}
{{- define "bucketry.container" -}}
{{- $root := .root -}}
name: bucketry
image: {{ include "bucketry.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/bucketry/bucketry.toml
  - --data-dir=/var/lib/bucketry
  - --listen=0.0.0.0:8080
  - --metrics-listen=0.0.0.0:9464
  {{- if $root.Values.tls.existingSecret }}
  - --tls-certificate=/etc/bucketry-tls/tls.crt
  - --tls-key=/etc/bucketry-tls/tls.key
  {{- end }}
  {{- if and .node $root.Values.backup.enabled }}
  - --backup-dir=/var/backups/bucketry
  - --backup-interval={{ int $root.Values.backup.intervalHours }}
  - --backup-keep={{ int $root.Values.backup.keep }}
  - --backup-keep-days={{ int $root.Values.backup.keepDays }}
  {{- with $root.Values.backup.recipients }}
  - --backup-recipients={{ join "," . }}
  {{- end }}
  {{- end }}
  {{- if not .node }}
  - --no-node
  {{- else if $root.Values.gateway.enabled }}
  - --gateway-listen=0.0.0.0:9000
  {{- if $root.Values.tls.gatewayExistingSecret }}
  - --gateway-tls-certificate=/etc/bucketry-gateway-tls/tls.crt
  - --gateway-tls-key=/etc/bucketry-gateway-tls/tls.key
  {{- end }}
  {{- else }}
  - --no-gateway
  {{- end }}
env:
  - name: BUCKETRY_ADMIN_EMAIL
    value: {{ $root.Values.admin.email | quote }}
  {{- if $root.Values.admin.existingSecret }}
  - name: BUCKETRY_ADMIN_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ $root.Values.admin.existingSecret }}
        key: {{ $root.Values.admin.key }}
  {{- end }}
  {{- if $root.Values.database.existingSecret }}
  - name: BUCKETRY_DATABASE_URL
    valueFrom:
      secretKeyRef:
        name: {{ $root.Values.database.existingSecret }}
        key: {{ $root.Values.database.key }}
  {{- end }}
  {{- if $root.Values.metrics.tokenSecret }}
  - name: BUCKETRY_METRICS_TOKEN_FILE
    value: /etc/bucketry-metrics/{{ $root.Values.metrics.tokenKey }}
  {{- end }}
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: api
    containerPort: 8080
  - name: metrics
    containerPort: 9464
  {{- if and .node $root.Values.gateway.enabled }}
  - name: gateway
    containerPort: 9000
  {{- end }}
# The start may upgrade a large database.
startupProbe:
  httpGet:
    path: /health
    port: metrics
  periodSeconds: 5
  failureThreshold: 360
livenessProbe:
  httpGet:
    path: /health
    port: metrics
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /ready
    port: metrics
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
securityContext:
  {{- include "bucketry.securityContext" $root | nindent 2 }}
volumeMounts:
  - name: configuration
    mountPath: /etc/bucketry
    readOnly: true
  - name: data
    mountPath: /var/lib/bucketry
  {{- if and .node $root.Values.backup.enabled }}
  - name: backups
    mountPath: /var/backups/bucketry
  {{- end }}
  {{- if $root.Values.tokenKey.existingSecret }}
  - name: token-key
    mountPath: /var/lib/bucketry/token.key
    subPath: token.key
    readOnly: true
  {{- end }}
  {{- /* Whole directories: what is mounted as a single file isn't renewed. */}}
  {{- if $root.Values.tls.existingSecret }}
  - name: tls
    mountPath: /etc/bucketry-tls
    readOnly: true
  {{- end }}
  {{- if and .node $root.Values.tls.gatewayExistingSecret }}
  - name: gateway-tls
    mountPath: /etc/bucketry-gateway-tls
    readOnly: true
  {{- end }}
  {{- if $root.Values.metrics.tokenSecret }}
  - name: metrics-token
    mountPath: /etc/bucketry-metrics
    readOnly: true
  {{- end }}
  {{- with $root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes of a server, without that of its data. */}}
{{- define "bucketry.volumes" -}}
- name: configuration
  configMap:
    name: {{ include "bucketry.fullname" . }}
{{- if .Values.tokenKey.existingSecret }}
- name: token-key
  secret:
    secretName: {{ .Values.tokenKey.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.tokenKey.key }}
        path: token.key
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if .Values.tls.gatewayExistingSecret }}
- name: gateway-tls
  secret:
    secretName: {{ .Values.tls.gatewayExistingSecret }}
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

{{/* What the pods of all servers have in common, beside containers and volumes. */}}
{{- define "bucketry.pod" -}}
serviceAccountName: {{ include "bucketry.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "bucketry.podSecurityContext" . | nindent 2 }}
# Requests in flight have 30 seconds to finish, and writes whose clients have disconnected 5 more.
terminationGracePeriodSeconds: 60
{{- end -}}

{{- define "bucketry.podMetadata" -}}
annotations:
  checksum/configuration: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "bucketry.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
