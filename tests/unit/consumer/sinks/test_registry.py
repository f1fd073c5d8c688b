"""The sinks that can be configured are those of the API."""

from typing import get_args

from orderpipeline_consumer.sinks.registry import SINKS
from orderpipeline_operator.domain.api.v1alpha1.consumer import Sink


def test_the_registry_has_every_type_of_sink_in_the_api() -> None:
    assert sorted(SINKS) == sorted(get_args(Sink.model_fields["type"].annotation))
