"""The program: one request, a JSON object per line as its answer, and an exit code."""

import json
import os
import sys
from typing import Any, Final

from confluent_kafka import KafkaException

from orderpipeline_common.contract import Env, dead_letter_group
from orderpipeline_common.kafka_config import kafka_settings
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_consumer.dlq.handled import TooScatteredError
from orderpipeline_consumer.dlq.request import RequestError, parse
from orderpipeline_consumer.dlq.sending import Sender, SendError
from orderpipeline_consumer.dlq.topic import DeadLetterTopic
from orderpipeline_consumer.dlq.work import Work

CLIENT: Final = "orderpipeline-dead-letters"
USAGE, FAILED = 2, 1


def main() -> int:
    """0: done; 1: it failed on the way; 2: it could not start. The last line says why."""
    try:
        request = parse(sys.argv[1] if len(sys.argv) == 2 else "")
        env = EnvReader(os.environ)
        config: dict[str, Any] = kafka_settings(env).client_config(CLIENT)
        orders, letters = env.text(Env.TOPIC), env.text(Env.DEAD_LETTER_TOPIC)
        topic = DeadLetterTopic(config, letters, dead_letter_group(env.text(Env.GROUP)))
    except (RequestError, SettingsError) as error:
        tell({"error": str(error)})
        return USAGE
    try:
        Work(request, topic, Sender(config, orders).send, tell).run()
    except (KafkaException, LookupError, SendError, TooScatteredError) as error:
        tell({"error": str(error)})
        return FAILED
    finally:
        topic.close()
    return 0


def tell(line: dict[str, Any]) -> None:
    """One line of the answer, at once."""
    sys.stdout.write(json.dumps({"dlq": line}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
