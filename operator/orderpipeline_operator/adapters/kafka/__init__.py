"""Reading offsets and groups from Kafka, by the few requests of its protocol that this takes."""

from orderpipeline_operator.adapters.kafka.endpoint import ConnectionSettingsError
from orderpipeline_operator.adapters.kafka.offsets import OffsetReader

__all__ = ["ConnectionSettingsError", "OffsetReader"]
