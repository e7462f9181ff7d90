"""The frozen config of a run; transforms get the values they need, never the config."""

from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.pseudonymize import key_version
from schemas.read_model.address import ReadModelAddress
from schemas.timestamps import SECOND_US
from transforms.sinks.iceberg.catalog import CatalogSettings
from transforms.table_rows import Run


class JobConfig(BaseModel):
    """The values that the pipeline's steps need."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    run: Run
    lake: str
    temp: str
    project: str
    event_store: str
    analytics: str
    write_endpoint: str | None = None
    window_seconds: int = Field(default=60, ge=1)
    lateness_seconds: int = Field(default=86_400, ge=0)
    accept_cloudevents: bool = False
    pii_key: bytes | None = Field(default=None, repr=False)
    sink_retry_budget_seconds: float = Field(default=600.0, ge=0)
    bigquery_method: str = "STORAGE_WRITE"
    dead_letters_compression: str = "none"
    saga_timeout_minutes: int = Field(default=30, ge=1)
    saga_retention_days: float = Field(default=30, gt=0)
    saga_alerts_topic: str | None = None
    read_model: ReadModelAddress | None = None
    publish: Literal["accepted", "all"] = "accepted"
    """`accepted`: commit the accepted rows and report the rejected ones as undelivered. `all`: commit nothing if a row
    was rejected; for staging, which is published as a whole or not at all."""
    archives: bool = True
    """Whether messages are written to the archive; a replay of the archive does not write them again."""

    iceberg: CatalogSettings | None = None
    """The catalog that a streaming run commits the feeds to; None: none. Commands commit by the lake's own settings."""

    @property
    def saga_timeout_us(self) -> int:
        """How long a saga may wait for its next step, in microseconds of event time."""
        return self.saga_timeout_minutes * 60 * SECOND_US

    @property
    def saga_retention_us(self) -> int:
        """How long a stream holds a saga after its end, in microseconds of event time."""
        return int(self.saga_retention_days * 86_400 * SECOND_US)

    @property
    def pii_key_version(self) -> str | None:
        """The version of the key of pseudonyms; None without a key."""
        return key_version(self.pii_key)

    def with_run_id(self, run_id: str) -> "JobConfig":
        """Return the same config for another run."""
        return self.model_copy(update={"run": replace(self.run, run_id=run_id)})
