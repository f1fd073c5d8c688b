{{/* Name of the chart in labels. */}}
{{- define "orderpipeline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of every object: release and chart, or one of them when they are the same; leaves room for suffixes. */}}
{{- define "orderpipeline.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "orderpipeline.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Name of cluster-wide objects: two releases in two namespaces must not share them. */}}
{{- define "orderpipeline.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "orderpipeline.fullname" .) -}}
{{- end -}}

{{- define "orderpipeline.selectorLabels" -}}
app.kubernetes.io/name: {{ include "orderpipeline.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "orderpipeline.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "orderpipeline.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "orderpipeline.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "orderpipeline.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name must name an existing ServiceAccount when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* An image: call with (list $ repository). */}}
{{- define "orderpipeline.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $root.Values.images.registry }}{{ $image = printf "%s/%s" (trimSuffix "/" .) $image }}{{ end -}}
{{- if contains "@" $image -}}
{{- $image -}}
{{- else -}}
{{- printf "%s:%s" $image (default $root.Chart.AppVersion $root.Values.images.tag) -}}
{{- end -}}
{{- end -}}

{{- define "orderpipeline.metricsService" -}}
{{- printf "%s-metrics-api" (include "orderpipeline.fullname" .) -}}
{{- end -}}

{{/* Secret with tls.crt and tls.key of the metrics API. */}}
{{- define "orderpipeline.metricsSecret" -}}
{{- default (printf "%s-metrics-tls" (include "orderpipeline.fullname" .)) .Values.metricsApi.certificate.existingSecret -}}
{{- end -}}

{{/* Whether the chart generates the certificate itself: "true" or empty. */}}
{{- define "orderpipeline.makesCertificate" -}}
{{- if and .Values.metricsApi.enabled (not .Values.metricsApi.certManager.enabled) (not .Values.metricsApi.certificate.existingSecret) -}}
true
{{- end -}}
{{- end -}}

{{/*
The generated certificate as YAML with ca, crt and key (base64). An existing one in the cluster is kept, so an upgrade
changes nothing. The result is stored in the values, so that all templates of one rendering see the same certificate.
*/}}
{{- define "orderpipeline.certificate" -}}
{{- if not (hasKey .Values "generatedCertificate") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "orderpipeline.metricsSecret" .) -}}
{{- $data := dict -}}
{{- if $found }}{{ $data = default dict $found.data }}{{ end -}}
{{- if and (hasKey $data "ca.crt") (hasKey $data "tls.crt") (hasKey $data "tls.key") -}}
{{- $_ := set .Values "generatedCertificate" (dict "ca" (index $data "ca.crt") "crt" (index $data "tls.crt") "key" (index $data "tls.key")) -}}
{{- else -}}
{{- $service := include "orderpipeline.metricsService" . -}}
{{- $dns := printf "%s.%s.svc" $service .Release.Namespace -}}
{{- $days := int .Values.metricsApi.certificate.days -}}
{{- $ca := genCA (printf "%s CA" $service | trunc 64) $days -}}
{{- $cert := genSignedCert $service nil (list $dns) $days $ca -}}
{{- $_ := set .Values "generatedCertificate" (dict "ca" (b64enc $ca.Cert) "crt" (b64enc $cert.Cert) "key" (b64enc $cert.Key)) -}}
{{- end -}}
{{- end -}}
{{- toYaml .Values.generatedCertificate -}}
{{- end -}}

{{/* Secret from which the keys are derived that KEDA gives the operator. */}}
{{- define "orderpipeline.scalingSecret" -}}
{{- default (printf "%s-scaling" (include "orderpipeline.fullname" .)) .Values.scalingSecret.existingSecret -}}
{{- end -}}

{{/* Its generated content (base64); kept like the certificate. */}}
{{- define "orderpipeline.scalingSecretData" -}}
{{- if not (hasKey .Values "generatedScalingSecret") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "orderpipeline.scalingSecret" .) -}}
{{- $data := dict -}}
{{- if $found }}{{ $data = default dict $found.data }}{{ end -}}
{{- $_ := set .Values "generatedScalingSecret" (get $data "secret" | default (randAlphaNum 64 | b64enc)) -}}
{{- end -}}
{{- .Values.generatedScalingSecret -}}
{{- end -}}
