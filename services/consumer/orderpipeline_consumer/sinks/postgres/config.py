"""The settings of the postgres sink. Importing this module does not need the database driver."""

from dataclasses import dataclass
from pathlib import Path

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_consumer.sinks.base import Sink, SinkContext


@dataclass(frozen=True, slots=True)
class PostgresConfig:
    """The file that holds the connection string, the orders table, and how long one statement may take."""

    dsn_file: Path | None
    table: str
    timeout_seconds: float

    @classmethod
    def read(cls, env: EnvReader) -> "PostgresConfig":
        """Raises SettingsError for a malformed variable or a file that does not exist."""
        return cls(
            dsn_file=env.path(Env.SINK_DSN_FILE),
            table=env.text(Env.SINK_TABLE, "orders"),
            timeout_seconds=env.seconds(Env.SINK_TIMEOUT_SECONDS, 10.0, low=0.1, high=3600.0),
        )

    def check(self) -> None:
        """Raises SettingsError if there is no connection string."""
        if self.dsn_file is None:
            raise SettingsError(
                f"{Env.SINK_DSN_FILE} is not set; {Env.SINK}=postgres needs the path of the connection string's file"
            )

    def read_dsn(self) -> str:
        """The connection string as the file holds it now. Raises SettingsError if it can't be read."""
        assert self.dsn_file is not None
        try:
            return self.dsn_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{Env.SINK_DSN_FILE}: can't read {self.dsn_file}: {error}") from None

    def open(self, context: SinkContext) -> Sink:
        """Connects when the first partition is assigned."""
        from orderpipeline_consumer.sinks.postgres.sink import PostgresSink  # only this sink needs the driver

        return PostgresSink(
            self.read_dsn,
            table=self.table,
            group=context.group,
            timeout_seconds=self.timeout_seconds,
        )
