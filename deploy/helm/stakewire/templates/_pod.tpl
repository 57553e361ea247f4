{{- /*
The parts of a pod. All take a dict: root, component (as in docker compose), key (of the values), values (of the component).
*/ -}}

{{- define "stakewire.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "stakewire.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.runAsUser }}
runAsGroup: {{ .Values.runAsUser }}
fsGroup: {{ .Values.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "stakewire.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{- define "stakewire.env" -}}
{{- $uses := include "stakewire.uses" .component | fromJsonArray -}}
{{- with .root.Values }}
- name: STAKEWIRE_LOG_LEVEL
  value: {{ .logLevel }}
{{- if has "config" $uses }}
- name: STAKEWIRE_HOST
  value: "0.0.0.0"
- name: STAKEWIRE_PORT
  value: {{ include "stakewire.port" $.component | quote }}
- name: STAKEWIRE_CONFIG_FILE
  value: /etc/stakewire/config/stakewire.toml
{{- end }}
{{- if has "database" $uses }}
{{ include "stakewire.secretVariable" (dict "name" "DATABASE_URL" "secret" (include "stakewire.databaseSecret" $) "key" .database.urlKey) }}
{{- end }}
- name: KAFKA_BOOTSTRAP_SERVERS
  value: {{ .kafka.bootstrapServers | quote }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ .kafka.securityProtocol }}
{{- if hasPrefix "SASL_" .kafka.securityProtocol }}
- name: KAFKA_SASL_MECHANISM
  value: {{ .kafka.sasl.mechanism }}
{{ include "stakewire.secretVariable" (dict "name" "KAFKA_SASL_USERNAME" "secret" (include "stakewire.kafkaSecret" $) "key" .kafka.sasl.usernameKey) }}
{{ include "stakewire.secretVariable" (dict "name" "KAFKA_SASL_PASSWORD" "secret" (include "stakewire.kafkaSecret" $) "key" .kafka.sasl.passwordKey) }}
{{- end }}
{{- if hasSuffix "SSL" .kafka.securityProtocol }}
{{- if .kafka.tls.caSecret }}
- name: KAFKA_SSL_CAFILE
  value: /etc/stakewire/kafka-ca/ca.crt
{{- end }}
{{- if .kafka.tls.certificateSecret }}
- name: KAFKA_SSL_CERTFILE
  value: /etc/stakewire/kafka-certificate/tls.crt
- name: KAFKA_SSL_KEYFILE
  value: /etc/stakewire/kafka-certificate/tls.key
{{- end }}
{{- end }}
{{- if .kafka.topicPrefix }}
- name: STAKEWIRE_TOPIC_PREFIX
  value: {{ .kafka.topicPrefix | quote }}
{{- end }}
{{- if and (has "tracing" $uses) (gt (float64 .tracing.share) 0.0) }}
- name: STAKEWIRE_TRACE_SHARE
  value: {{ .tracing.share | quote }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ required "tracing.endpoint is empty, but tracing.share is above 0: name the collector, such as http://otel-collector.tracing:4318" .tracing.endpoint | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- /* Volumes and mounts are listed together, so that none is without the other: [{name, path, source}]. */ -}}
{{- define "stakewire.files" -}}
{{- $uses := include "stakewire.uses" .component | fromJsonArray -}}
{{- $values := .root.Values -}}
{{- $files := list (dict "name" "tmp" "path" "/tmp" "source" (dict "emptyDir" (dict "sizeLimit" "64Mi"))) -}}
{{- $secrets := dict -}}
{{- if has "config" $uses -}}
{{- $map := dict "name" (include "stakewire.configMap" .root) "items" (list (dict "key" "stakewire.toml" "path" "stakewire.toml")) -}}
{{- $files = append $files (dict "name" "config" "path" "/etc/stakewire/config" "source" (dict "configMap" $map)) -}}
{{- end -}}
{{- if has "providers" $uses -}}{{- $_ := set $secrets "secrets" $values.providers.existingSecret -}}{{- end -}}
{{- if has "database" $uses -}}{{- $_ := set $secrets "postgresql-ca" $values.database.caSecret -}}{{- end -}}
{{- if hasSuffix "SSL" $values.kafka.securityProtocol -}}
{{- $_ := set $secrets "kafka-ca" $values.kafka.tls.caSecret -}}
{{- $_ := set $secrets "kafka-certificate" $values.kafka.tls.certificateSecret -}}
{{- end -}}
{{- if eq .component "catalogue" -}}{{- $_ := set $secrets "lobby" .values.lobbyKeySecret -}}{{- end -}}
{{- if eq .component "backoffice" -}}{{- $_ := set $secrets "operator" .values.operatorKeySecret -}}{{- end -}}
{{- range $name, $secret := $secrets -}}
{{- if $secret -}}
{{- $source := dict "secret" (dict "secretName" $secret "defaultMode" 288) -}}
{{- $files = append $files (dict "name" $name "path" (printf "/etc/stakewire/%s" $name) "source" $source) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .component "setup") .values.accessConfigMap -}}
{{- $map := dict "name" .values.accessConfigMap "items" (list (dict "key" "access.toml" "path" "access.toml")) -}}
{{- $files = append $files (dict "name" "access" "path" "/etc/stakewire/access" "source" (dict "configMap" $map)) -}}
{{- end -}}
{{- if eq .component "simulator" -}}
{{- $files = append $files (dict "name" "books" "path" "/var/lib/stakewire" "source" (dict "emptyDir" (dict "sizeLimit" "1Gi"))) -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{- define "stakewire.mounts" -}}
{{- range include "stakewire.files" . | fromJsonArray }}
- name: {{ .name }}
  mountPath: {{ .path }}
  {{- if not .source.emptyDir }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end -}}

{{- define "stakewire.volumes" -}}
{{- range include "stakewire.files" . | fromJsonArray }}
- name: {{ .name }}
  {{- toYaml .source | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "stakewire.spread" -}}
{{- if .root.Values.topologySpread.enabled -}}
topologySpreadConstraints:
{{- range $key, $when := dict "kubernetes.io/hostname" .root.Values.topologySpread.nodes "topology.kubernetes.io/zone" .root.Values.topologySpread.zones }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    labelSelector:
      matchLabels:
        {{- include "stakewire.selectorLabels" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "stakewire.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- /* Gateway and operator API hold back while an older wallet runs. */ -}}
{{- define "stakewire.waits" -}}
{{- if and .root.Values.walletFirst.enabled (has .component (list "gateway" "operator-api")) -}}yes{{- end -}}
{{- end -}}

{{- define "stakewire.waiting" -}}
{{- if include "stakewire.waits" . -}}
initContainers:
  - name: wallets-first
    image: {{ include "stakewire.image" . }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [/opt/stakewire/bin/python, -m, services.gateway.wallets_first]
    args:
      - {{ printf "%s-wallet.%s.svc" (include "stakewire.fullname" .root) .root.Release.Namespace }}
      - {{ include "stakewire.port" "wallet" | quote }}
      - {{ .root.Values.walletFirst.limitSeconds | quote }}
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 64Mi}
    securityContext:
      {{- include "stakewire.containerSecurity" .root | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "stakewire.podTemplate" -}}
metadata:
  labels:
    # No versions here: a new chart alone restarts nothing.
    {{- include "stakewire.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/part-of: stakewire
  {{- $annotations := merge (dict) .values.podAnnotations }}
  {{- if not .root.Values.config.existingConfigMap }}
  {{- $_ := set $annotations "checksum/config" (sha256sum .root.Values.config.stakewireToml) }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  {{- with .root.Values.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  # The variables Kubernetes makes of services are named like our own settings (STAKEWIRE_...).
  enableServiceLinks: false
  {{- with include "stakewire.pullSecrets" .root }}
  {{- . | nindent 2 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "stakewire.podSecurity" .root | nindent 4 }}
  {{- with include "stakewire.waiting" . }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "stakewire.image" . }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      env:
        {{- include "stakewire.env" . | trim | nindent 8 }}
        {{- with .more }}
        {{- . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: {{ include "stakewire.port" .component }}
          protocol: TCP
      # Starting may take as long as the database does; after that liveness counts.
      startupProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 90
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      {{- if not (has .component (list "gateway" "wallet")) }}
      # They take no connection after SIGTERM: by then no endpoint may lead to them. The gateway waits by itself, the
      # wallet has no clients.
      lifecycle:
        preStop:
          sleep: {seconds: 5}
      {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      securityContext:
        {{- include "stakewire.containerSecurity" .root | nindent 8 }}
      volumeMounts:
        {{- include "stakewire.mounts" . | trim | nindent 8 }}
  volumes:
    {{- include "stakewire.volumes" . | trim | nindent 4 }}
  {{- with include "stakewire.spread" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "stakewire.placement" .values | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "stakewire.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "stakewire.fullname" .root }}-{{ .component }}
  labels:
    {{- include "stakewire.labels" . | nindent 4 }}
spec:
  replicas: {{ .values.replicas | default 1 }}
  revisionHistoryLimit: 5
  {{- if include "stakewire.waits" . }}
  # Waiting for the wallets is part of a rollout.
  progressDeadlineSeconds: {{ add 600 .root.Values.walletFirst.limitSeconds }}
  {{- end }}
  strategy:
    {{- if eq .component "simulator" }}
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
    {{- end }}
  selector:
    matchLabels:
      {{- include "stakewire.selectorLabels" . | nindent 6 }}
  template:
    {{- include "stakewire.podTemplate" . | nindent 4 }}
{{- end -}}

{{- define "stakewire.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "stakewire.fullname" .root }}-{{ .component }}
  labels:
    {{- include "stakewire.labels" . | nindent 4 }}
  {{- with .values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector:
    {{- include "stakewire.selectorLabels" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .values.service.port }}
      targetPort: http
      protocol: TCP
{{- end -}}

{{- define "stakewire.ingress" -}}
{{- with .values.ingress }}
{{- if .enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "stakewire.fullname" $.root }}-{{ $.component }}
  labels:
    {{- include "stakewire.labels" $ | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- if .tlsSecret }}
  tls:
    - hosts: [{{ .host | quote }}]
      secretName: {{ .tlsSecret }}
  {{- end }}
  rules:
    - host: {{ required (printf "%s.ingress.host is empty, but the ingress is enabled: name the host" $.key) .host | quote }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ . | quote }}
            pathType: Prefix
            backend:
              service:
                name: {{ include "stakewire.fullname" $.root }}-{{ $.component }}
                port: {name: http}
          {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* A component that is a Deployment behind a Service, with an Ingress if it has one. */ -}}
{{- define "stakewire.web" -}}
{{ include "stakewire.deployment" . }}
---
{{ include "stakewire.service" . }}
{{ include "stakewire.ingress" . }}
{{- end -}}
