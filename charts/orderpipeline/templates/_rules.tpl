{{/*
What the operator may do in a namespace that it serves. Each entry names resources and verbs; there are no wildcards.
Server-side apply needs patch, and create for objects that do not exist. Secrets are only read: passwords and the CA that
Strimzi writes, credentials of an existing Kafka, and Secrets that pods mount (a change replaces the pods). Pods are
counted, and get a deletion cost before a scale-down. Nothing here can create or change a Role.
*/}}
{{- define "orderpipeline.rules" -}}
- apiGroups: [orderpipeline.dev]
  resources: [orderpipelines]
  verbs: [get, list, watch, patch]
- apiGroups: [orderpipeline.dev]
  resources: [orderpipelines/status]
  verbs: [patch]
# For owner references with blockOwnerDeletion where OwnerReferencesPermissionEnforcement is enabled.
- apiGroups: [orderpipeline.dev]
  resources: [orderpipelines/finalizers]
  verbs: [update]
- apiGroups: [kafka.strimzi.io]
  resources: [kafkas, kafkanodepools, kafkatopics, kafkausers, kafkamirrormaker2s, kafkarebalances]
  verbs: [get, list, watch, create, patch, delete]
# How far a roll of the brokers is.
- apiGroups: [core.strimzi.io]
  resources: [strimzipodsets]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services, serviceaccounts, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
# For pipelines whose autoscaling.backend is KEDA.
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
# For pipelines with monitoring.podMonitors or monitoring.rules.
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors, prometheusrules]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
