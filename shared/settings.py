"""Every setting of every process, read once from the environment (prefix `GRADUS_`)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one Gradus installation; frozen, so that a process cannot disagree with itself."""

    model_config = SettingsConfigDict(env_prefix="GRADUS_", frozen=True, extra="ignore")

    home: Path = Path(".gradus")
    """Folder of everything embedded: database, broker, storage, logs, `admin.key`."""
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    worker_metrics_port: int = Field(0, ge=0, le=65535)
    """0 means `port + 1`."""
    sweeper_metrics_port: int = Field(0, ge=0, le=65535)
    """0 means `port + 2`."""

    database_url: str = ""
    """`postgresql+psycopg://…`; empty means the embedded server under `home`."""
    broker_url: str = ""
    """`redis://…` or `redis+socket://…`; empty means the embedded one."""
    storage_url: str = ""
    """Any fsspec URL (`file:///…`, `s3://bucket/prefix`); empty means `home/storage`."""
    secret_key: SecretStr = SecretStr("")
    """Keys the digests of API keys; empty means `home/secret.key`."""

    database_pool_size: int = Field(10, ge=1)
    statement_timeout_seconds: float = Field(20.0, gt=0)

    slots: int = Field(1, ge=1)
    """Training jobs a worker runs at once."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    standby_children: int = Field(1, ge=0)
    """Child processes kept warm with torch imported, about 270 MB each."""
    lease_seconds: float = Field(30.0, gt=0)
    renew_seconds: float = Field(2.0, gt=0)
    """Also how long a request to cancel or pause may take to reach a trainer."""
    sweep_seconds: float = Field(5.0, gt=0)
    republish_seconds: float = Field(60.0, gt=0)
    stop_grace_seconds: float = Field(30.0, gt=0)
    max_attempts: int = Field(5, ge=1)
    """Attempts since the last checkpoint before a job that kills its worker is failed."""
    checkpoint_seconds: float = Field(30.0, gt=0)
    flush_seconds: float = Field(0.2, gt=0)
    flush_steps: int = Field(2000, ge=1)

    upload_max_bytes: int = Field(2 * 1024**3, ge=1)
    dataset_max_rows: int = Field(50_000_000, ge=1)
    dataset_max_columns: int = Field(2_000, ge=1)
    dataset_max_expansion: float = Field(200.0, ge=1)
    """Largest allowed ratio of decoded bytes to uploaded bytes (a zip bomb's defence)."""
    body_max_bytes: int = Field(8 * 1024**2, ge=1)
    """Largest JSON body; uploads have their own limit."""

    predict_queue: int = Field(1024, ge=1)
    predict_batch: int = Field(64, ge=1)
    predict_max_records: int = Field(1000, ge=1)
    models_resident: int = Field(8, ge=1)
    model_poll_seconds: float = Field(1.0, gt=0)
    key_poll_seconds: float = Field(1.0, gt=0)
    docs_enabled: bool = True
    log_level: str = "INFO"
    commit: str = "unknown"
    """The source revision this process was built from, shown in `gradus_build_info`."""


def server_secret(settings: Settings) -> bytes:
    """Return what keys the digests of API keys: the setting, or the content of `home/secret.key`, stripped.

    Raises `FileNotFoundError` before the file was made; its maker writes 32 random bytes or more, as text.
    """
    given = settings.secret_key.get_secret_value()
    return (given or (settings.home / "secret.key").read_text()).strip().encode()


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
