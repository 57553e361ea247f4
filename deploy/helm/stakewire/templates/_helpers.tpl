{{- /* Names, labels and images. `component` is the name of a service as in docker compose; its values lie under `key`. */ -}}

{{- define "stakewire.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "stakewire.selectorLabels" -}}
app.kubernetes.io/name: stakewire
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "stakewire.labels" -}}
{{ include "stakewire.selectorLabels" . }}
app.kubernetes.io/part-of: stakewire
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "stakewire.image" -}}
{{- $common := .root.Values.image -}}
{{- $own := .values.image -}}
{{- $name := printf "%s/%s" $common.repositoryPrefix (.image | default .component) -}}
{{- if $common.registry -}}{{- $name = printf "%s/%s" $common.registry $name -}}{{- end -}}
{{- if $own.digest -}}
{{- printf "%s@%s" $name $own.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($own.tag | default $common.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "stakewire.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "stakewire.configMap" -}}
{{- .Values.config.existingConfigMap | default (printf "%s-config" (include "stakewire.fullname" .)) -}}
{{- end -}}

{{- define "stakewire.databaseSecret" -}}
{{- $name := get .root.Values.database.existingSecrets .key | default .root.Values.database.existingSecret -}}
{{- required (printf "database.existingSecrets.%s (or database.existingSecret) is empty: name the Secret with the database's address" .key) $name -}}
{{- end -}}

{{- define "stakewire.kafkaSecret" -}}
{{- $name := get .root.Values.kafka.sasl.existingSecrets .key | default .root.Values.kafka.sasl.existingSecret -}}
{{- required (printf "kafka.sasl.existingSecrets.%s (or kafka.sasl.existingSecret) is empty, but kafka.securityProtocol is %s: name the Secret with user name and password" .key .root.Values.kafka.securityProtocol) $name -}}
{{- end -}}

{{- /* The stateless and stateful parts that are turned on: component -> values key. Order does not matter. */ -}}
{{- define "stakewire.components" -}}
gateway: gateway
operator-api: operatorApi
wallet: wallet
catalogue: catalogue
{{- if .Values.backoffice.enabled }}
backoffice: backoffice
{{- end }}
{{- if .Values.simulator.enabled }}
simulator: simulator
{{- end }}
{{- end -}}

{{- define "stakewire.port" -}}
{{- get (dict "gateway" 8080 "operator-api" 8081 "catalogue" 8082 "backoffice" 8083 "simulator" 8084 "wallet" 8085) . -}}
{{- end -}}

{{- /* What of a component speaks with what, used by environment, volumes and network policies alike. */ -}}
{{- define "stakewire.uses" -}}
{{- $uses := dict
  "gateway" (list "config" "providers" "kafka" "tracing")
  "operator-api" (list "config" "providers" "database" "kafka" "tracing" "outside")
  "wallet" (list "config" "database" "kafka" "tracing")
  "catalogue" (list "config" "providers" "database" "kafka" "tracing" "outside")
  "backoffice" (list "config" "database" "kafka" "tracing")
  "simulator" (list "config" "providers" "kafka")
  "setup" (list "database" "kafka") -}}
{{- get $uses . | toJson -}}
{{- end -}}

{{- /* The names of all Secrets that must exist, for the notes. */ -}}
{{- define "stakewire.secretNames" -}}
{{- $values := .Values -}}
{{- $names := concat $values.image.pullSecrets (list $values.database.caSecret $values.providers.existingSecret $values.catalogue.lobbyKeySecret (ternary $values.backoffice.operatorKeySecret "" $values.backoffice.enabled)) -}}
{{- $keys := values (include "stakewire.components" . | fromYaml) -}}
{{- if $values.setup.enabled -}}{{- $keys = append $keys "setup" -}}{{- end -}}
{{- range $key := $keys -}}
{{- $uses := include "stakewire.uses" (kebabcase $key) | fromJsonArray -}}
{{- if has "database" $uses -}}{{- $names = append $names (include "stakewire.databaseSecret" (dict "root" $ "key" $key)) -}}{{- end -}}
{{- if hasPrefix "SASL_" $values.kafka.securityProtocol -}}{{- $names = append $names (include "stakewire.kafkaSecret" (dict "root" $ "key" $key)) -}}{{- end -}}
{{- with (get $values $key).ingress -}}{{- if .enabled -}}{{- $names = append $names .tlsSecret -}}{{- end -}}{{- end -}}
{{- end -}}
{{- if and (eq $values.wallet.autoscaling.kind "keda") (hasPrefix "SASL_" $values.kafka.securityProtocol) -}}
{{- $names = append $names (include "stakewire.kafkaSecret" (dict "root" . "key" "autoscaler")) -}}
{{- end -}}
{{- if hasSuffix "SSL" $values.kafka.securityProtocol -}}
{{- $names = concat $names (list $values.kafka.tls.caSecret $values.kafka.tls.certificateSecret) -}}
{{- end -}}
{{- compact $names | uniq | sortAlpha | join ", " -}}
{{- end -}}
