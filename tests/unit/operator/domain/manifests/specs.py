"""Specs that together use every field, as a user would write them."""

from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.manifests import Bundle, Context, Pipeline, render

CONTEXT: Final = Context(
    producer_image="registry.example.com/orderpipeline/producer:1.0",
    consumer_image="registry.example.com/orderpipeline/consumer:1.0",
    operator_namespace="orderpipeline-system",
    scaling_url="http://orderpipeline.orderpipeline-system.svc:8080",
    scaling_secret=b"s" * 32,
)

CREATED: Final = "2026-11-30T12:00:00Z"
SPECS: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    "trial": {
        "kafka": {
            "brokers": {"replicas": 1, "storage": {"type": "ephemeral", "size": "1Gi"}},
            "controllers": {"replicas": 1, "storage": {"type": "ephemeral", "size": "1Gi"}},
            "listeners": {"tls": False, "plain": True},
            "replicationFactor": 1,
            "minInSyncReplicas": 1,
            "metrics": False,
        },
        "topic": {"partitions": 1, "retention": "1h"},
        "producer": {
            "replicas": 1,
            "accelerator": False,
            "durability": "accepted",
            "placement": {"maxUnavailable": "50%"},
        },
        "consumer": {"accelerator": False, "deadLetter": {"enabled": False}},
        "autoscaling": {"mode": "Off", "replicas": 1},
    },
    "everything": {
        "kafka": {
            "version": "4.3.0",
            "metadataVersion": "4.2-IV1",
            "brokers": {
                "replicas": 6,
                "storage": {"size": "2Ti", "class": "fast", "deleteClaim": True},
                "resources": {"requests": {"cpu": 4, "memory": "16Gi"}, "limits": {"memory": "16Gi"}},
                "jvmHeap": "6Gi",
            },
            "controllers": {"replicas": 5, "storage": {"class": "fast"}, "jvmHeap": "1Gi"},
            "listeners": {"tls": True, "plain": True},
            "rackTopologyKey": "topology.kubernetes.io/zone",
            "config": {"log.cleaner.threads": 2, "compression.type": "producer", "delete.topic.enable": True},
            "exporter": True,
            "cruiseControl": {"enabled": True},
        },
        "topic": {"name": "Orders_v2", "partitions": 120, "retention": "36h", "config": {"segment.bytes": 1073741824}},
        "producer": {
            "replicas": 12,
            "image": "registry.example.com/mine/producer:7",
            "linger": "20ms",
            "compression": "zstd",
            "ingress": {
                "host": "orders.example.com",
                "className": "contour",
                "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
                "tls": {"secretName": "orders-tls"},
            },
            "httpRoute": {
                "hostnames": ["orders.example.com", "*.orders.example.com"],
                "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
            },
            "auth": {"mode": "ApiKey", "secret": "shop-api-keys"},
            "limits": {
                "maxOrderBytes": 1048576,
                "headTimeout": "4s",
                "minBodyRate": 4096,
                "requestTimeout": "1500ms",
                "idleTimeout": "2m",
                "clientOrdersPerSecond": 5000,
            },
            "quotas": {"byteRate": 104857600, "requestPercentage": 200},
            "resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"cpu": 2, "memory": "2Gi"}},
            "placement": {"topologyKey": "topology.kubernetes.io/zone", "maxUnavailable": "25%"},
            "gracePeriod": "2m",
        },
        "consumer": {
            "image": "registry.example.com/mine/consumer:7",
            "group": "shop-orders",
            "sink": {"type": "http", "url": "https://sink.example.com/orders"},
            "deadLetter": {"topic": "Orders_v2_failed", "partitions": 6},
            "quotas": {"byteRate": 209715200},
        },
        "autoscaling": {
            "min": 0,
            "max": 100,
            "partitionsPerConsumer": {"min": 1, "max": 4},
            "schedules": [
                {
                    "name": "office",
                    "start": "0 8 * * 1-5",
                    "duration": "10h",
                    "timeZone": "Europe/Berlin",
                    "min": 40,
                    "max": 90,
                },
            ],
            "forecast": {"season": "7d", "ahead": "10m"},
        },
        "monitoring": {
            "podMonitors": True,
            "rules": True,
            "labels": {"release": "prometheus"},
            "interval": "15s",
            "alerts": {"lagOrders": 250000, "orderAge": "90s", "errorRate": "0.05%"},
            "runbooks": "https://wiki.example.com/orderpipeline/",
        },
    },
    "postgres": {
        "consumer": {
            "sink": {"type": "postgres", "dsnSecret": {"name": "shop-postgres", "key": "url"}, "table": "sold"}
        },
        "autoscaling": {"mode": "Recommend"},
    },
    "handler": {
        "producer": {
            "auth": {
                "mode": "JWT",
                "jwt": {
                    "issuer": "https://login.example.com",
                    "audience": "orders",
                    "jwksUri": "https://login.example.com/keys",
                    "algorithms": ["ES256", "EdDSA"],
                    "clientClaim": "azp",
                    "caSecret": "login-ca",
                },
            },
        },
        "consumer": {"image": "registry.example.com/shop:3", "handler": "shop.orders:handle", "offsetReset": "latest"},
        "autoscaling": {"min": 4},
    },
    "templates": {
        "imagePullSecrets": ["registry", "mirror"],
        "kafka": {
            "exporter": True,
            "cruiseControl": {"enabled": True},
            "template": {
                "pod": {
                    "metadata": {"labels": {"team": "kafka"}},
                    "tolerations": [{"key": "dedicated", "value": "kafka", "effect": "NoSchedule"}],
                    "priorityClassName": "kafka",
                    "topologySpreadConstraints": [
                        {
                            "topologyKey": "kubernetes.io/hostname",
                            "maxSkew": 1,
                            "whenUnsatisfiable": "DoNotSchedule",
                        }
                    ],
                },
                "kafkaContainer": {"env": [{"name": "LD_PRELOAD", "value": "/opt/jemalloc.so"}]},
                "initContainer": {"env": [{"name": "TZ", "value": "UTC"}]},
                "persistentVolumeClaim": {"metadata": {"annotations": {"backup": "yes"}}},
                "bootstrapService": {"metadata": {"annotations": {"dns": "bootstrap"}}},
                "brokersService": {"metadata": {"annotations": {"dns": "brokers"}}},
                "entityOperator": {
                    "pod": {"tolerations": [{"operator": "Exists"}]},
                    "topicOperatorContainer": {"env": [{"name": "TZ", "value": "UTC"}]},
                    "userOperatorContainer": {"env": [{"name": "TZ", "value": "UTC"}]},
                },
            },
        },
        "producer": {
            "template": {
                "metadata": {"labels": {"team": "web"}, "annotations": {"prometheus.io/scrape": "false"}},
                "spec": {
                    "nodeSelector": {"pool": "api"},
                    "tolerations": [{"key": "dedicated", "value": "api", "effect": "NoSchedule"}],
                    "affinity": {
                        "podAntiAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {
                                    "weight": 100,
                                    "podAffinityTerm": {
                                        "topologyKey": "kubernetes.io/hostname",
                                        "labelSelector": {"matchLabels": {"app": "batch"}},
                                    },
                                }
                            ]
                        }
                    },
                    "topologySpreadConstraints": [
                        {"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"},
                        {
                            "topologyKey": "topology.kubernetes.io/zone",
                            "maxSkew": 1,
                            "whenUnsatisfiable": "ScheduleAnyway",
                        },
                    ],
                    "priorityClassName": "orders",
                    "runtimeClassName": "gvisor",
                    "schedulerName": "packing",
                    "dnsPolicy": "ClusterFirst",
                    "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
                    "shareProcessNamespace": True,
                    "imagePullSecrets": [{"name": "registry"}],
                    "hostAliases": [{"ip": "10.0.0.9", "hostnames": ["login.example.com"]}],
                    "securityContext": {"fsGroupChangePolicy": "OnRootMismatch"},
                    "containers": [
                        {
                            "name": "collector",
                            "image": "registry.example.com/otel-collector:1",
                            "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "otel", "key": "token"}}}],
                            "envFrom": [{"secretRef": {"name": "otel-extra", "optional": True}}],
                            "ports": [{"name": "otlp", "containerPort": 4317, "hostPort": 0}],
                            "volumeMounts": [{"name": "geo", "mountPath": "/geo", "readOnly": False}],
                            "securityContext": {"runAsUser": 10002},
                            "readinessProbe": {"tcpSocket": {"port": "otlp"}, "initialDelaySeconds": 0},
                        },
                        {
                            "name": "producer",
                            "env": [{"name": "OTEL_SERVICE_NAME", "value": "orders"}],
                            "envFrom": [{"configMapRef": {"name": "proxies"}}],
                            "volumeMounts": [{"name": "geo", "mountPath": "/geo", "readOnly": True}],
                        },
                    ],
                    "initContainers": [
                        {
                            "name": "geo",
                            "image": "registry.example.com/geo:2",
                            "env": [{"name": "REGION", "value": "eu"}],
                            "envFrom": [{"configMapRef": {"name": "proxies"}}],
                            "ports": [{"containerPort": 9999}],
                            "volumeMounts": [{"name": "geo", "mountPath": "/out"}],
                            "securityContext": {"readOnlyRootFilesystem": True},
                        }
                    ],
                    "volumes": [{"name": "geo", "emptyDir": {"sizeLimit": "1Gi"}}],
                },
            }
        },
        "consumer": {
            "template": {
                "metadata": {"labels": {"team": "fulfilment"}, "annotations": {"sidecar.istio.io/inject": "true"}},
                "spec": {
                    "nodeSelector": {"pool": "work"},
                    "tolerations": [{"operator": "Exists"}],
                    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
                    "topologySpreadConstraints": [
                        {"topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 2}
                    ],
                    "priorityClassName": "work",
                    "runtimeClassName": "kata",
                    "schedulerName": "packing",
                    "dnsPolicy": "Default",
                    "dnsConfig": {"nameservers": ["10.0.0.53"]},
                    "shareProcessNamespace": False,
                    "imagePullSecrets": [{"name": "registry"}],
                    "hostAliases": [{"ip": "10.0.0.8", "hostnames": ["stock.example.com"]}],
                    "containers": [
                        {
                            "name": "proxy",
                            "image": "registry.example.com/proxy:1",
                            "env": [{"name": "A", "value": ""}],
                            "envFrom": [{"configMapRef": {"name": "proxies"}}],
                            "ports": [{"containerPort": 5432}],
                            "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                            "securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
                        },
                        {
                            "name": "consumer",
                            "env": [{"name": "STOCK_URL", "value": "https://stock.example.com"}],
                            "envFrom": [{"secretRef": {"name": "stock"}}],
                            "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                        },
                    ],
                    "initContainers": [
                        {
                            "name": "models",
                            "image": "registry.example.com/models:2",
                            "restartPolicy": "Always",
                            "env": [{"name": "B", "value": "1"}],
                            "envFrom": [{"configMapRef": {"name": "proxies"}}],
                            "ports": [{"containerPort": 9998}],
                            "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                            "securityContext": {"readOnlyRootFilesystem": True},
                        }
                    ],
                    "volumes": [
                        {
                            "name": "models",
                            "projected": {
                                "sources": [{"secret": {"name": "models", "items": [{"key": "k", "path": "p"}]}}]
                            },
                        }
                    ],
                    "securityContext": {"supplementalGroups": [2000]},
                },
            }
        },
    },
    "keda": {"autoscaling": {"backend": "KEDA", "min": 0, "pollInterval": "10s"}},
    "direct": {"autoscaling": {"backend": "Direct"}},
    "active": {"disasterRecovery": {"role": "active"}},
    "standby": {
        "topic": {"name": "orders.v2", "partitions": 120},
        "producer": {"compression": "lz4", "limits": {"maxOrderBytes": 1048576}},
        "consumer": {"group": "connect-orders"},
        "monitoring": {"rules": True},
        "disasterRecovery": {
            "role": "standby",
            "peer": {
                "bootstrapServers": "kafka-0.other.example.com:9094,kafka-1.other.example.com:9094",
                "username": "shop-reader",
                "credentialsSecret": "other-login",
                "caSecret": {"name": "other-ca", "key": "ca.crt"},
            },
            "mirror": {
                "replicas": 2,
                "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}},
                "jvmHeap": "1Gi",
            },
        },
    },
    "standby-defaults": {
        "disasterRecovery": {
            "role": "standby",
            "peer": {
                "bootstrapServers": "shop-kafka-bootstrap.west.svc:9093",
                "credentialsSecret": "west-login",
                "caSecret": {"name": "west-ca"},
            },
        },
    },
    "existing": {
        "kafka": {
            "existing": {
                "bootstrapServers": "kafka-0.example.com:9096,kafka-1.example.com:9096",
                "saslMechanism": "SCRAM-SHA-256",
                "credentialsSecret": "kafka-login",
                "tls": {"caSecret": {"name": "company-ca", "key": "bundle.pem"}},
            }
        }
    },
    "existing-certificate": {
        "kafka": {
            "existing": {
                "bootstrapServers": "kafka.example.com:9093",
                "tls": {
                    "caSecret": {"name": "company-ca"},
                    "clientCertificate": {"name": "kafka-client", "certificate": "user.crt", "privateKey": "user.key"},
                },
            }
        }
    },
    "existing-open": {
        "kafka": {"existing": {"bootstrapServers": "kafka.example.com:9092", "tls": {"enabled": False}}},
    },
}


def bundle(raw: dict[str, Any], context: Context = CONTEXT) -> Bundle:
    """What a spec renders to."""
    return render(Pipeline("shop", "store", "7d1c", OrderPipelineSpec.model_validate(raw), CREATED), context)
