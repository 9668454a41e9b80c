"""What the environment says, read once at the edge and passed inwards.

Holds paths, tokens and URLs. What a product-qualified lead *is* belongs in the program file, never
here. Nothing is read at import, so that the definitions load with an empty environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pql_platform.errors import PqlError


class Settings(BaseSettings):
    """The environment variables of the public interface, typed."""

    model_config = SettingsConfigDict(extra="forbid", env_ignore_empty=True)

    home: Path = Field(default=Path(".pql"), validation_alias="PQL_HOME")
    programs: Path = Field(default=Path("programs"), validation_alias="PQL_PROGRAMS")
    state_url: str | None = Field(default=None, validation_alias="PQL_STATE_URL")
    gateway: Literal["duckdb", "postgres", "spark"] = Field(
        default="duckdb", validation_alias="PQL_GATEWAY"
    )
    warehouse_url: SecretStr | None = Field(default=None, validation_alias="PQL_WAREHOUSE_URL")
    memory_limit: str | None = Field(
        default=None, validation_alias="PQL_MEMORY_LIMIT", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$"
    )
    slack_bot_token: SecretStr | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    slack_base_url: str = Field(default="https://slack.com/api/", validation_alias="SLACK_BASE_URL")
    alert_channel: str = Field(default="pql-alerts", validation_alias="PQL_SLACK_CHANNEL")
    oncall_channel: str = Field(default="pql-oncall", validation_alias="PQL_ONCALL_CHANNEL")

    slack_signing_secret: SecretStr | None = Field(
        default=None, validation_alias="SLACK_SIGNING_SECRET"
    )
    slack_app_token: SecretStr | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    team_file: str | None = Field(default=None, validation_alias="PQL_TEAM")
    revops_channel: str | None = Field(default=None, validation_alias="PQL_REVOPS_CHANNEL")

    @property
    def inbox(self) -> Path:
        """Parquet files that wait to be loaded."""
        return self.home / "inbox"

    @property
    def archive(self) -> Path:
        """Parquet files that were loaded; with the ledger they rebuild the warehouse."""
        return self.home / "archive"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that one writer at a time may open."""
        return self.home / "warehouse.duckdb"

    @property
    def serving(self) -> Path:
        """The published copy that readers open."""
        return self.home / "serving.duckdb"

    @property
    def sqlmesh_state(self) -> Path:
        """SQLMesh's own state, apart from the data."""
        return self.home / "sqlmesh_state.duckdb"

    @property
    def alerts(self) -> Path:
        """Where alerts land as files while no Slack token is set."""
        return self.home / "alerts"

    @property
    def dagster_home(self) -> Path:
        """The DAGSTER_HOME of this installation."""
        return self.home / "dagster"

    @property
    def team(self) -> Path | None:
        """The team file: the one named, else `team.yaml` beside the programs.

        Beside a folder of programs; of one program file, in its folder or beside that. None where
        `PQL_TEAM` is `none`, or is not set and no such file is there.
        """
        if self.team_file == "none":
            return None
        if self.team_file is not None:
            return Path(self.team_file).absolute()
        # Not inside a folder of programs: there it would be read as one.
        above = self.programs.absolute().parent
        places = (above,) if self.programs.is_dir() else (above, above.parent)
        found = (place / "team.yaml" for place in places)
        return next((path for path in found if path.is_file()), None)

    @property
    def hears_clicks(self) -> bool:
        """Whether Slack's clicks can reach this installation, by HTTP or by Socket Mode."""
        return self.slack_signing_secret is not None or self.slack_app_token is not None

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.state_url or f"sqlite:///{self.home / 'ledger.sqlite'}"

    def prepare_home(self) -> None:
        """Create the home folder (0700) and its parts.

        Raises:
            PqlError: The folder cannot be created or written.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.inbox, self.archive, self.alerts, self.dagster_home):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._not_writable(error.strerror) from error
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise self._not_writable("permission denied")

    def _not_writable(self, why: str | None) -> PqlError:
        return PqlError(
            f"{self.home} is not writable ({why})",
            field="PQL_HOME",
            hint="Set PQL_HOME to a folder that you may write to",
        )


def load_settings() -> Settings:
    """Read the settings from the environment, with every path made absolute.

    Raises:
        PqlError: A variable has a value that cannot be.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        detail = error.errors()[0]
        raise PqlError(
            f"{detail['input']!r} is not possible: {detail['msg']}",
            field=str(detail["loc"][0]),
            hint="Change or unset it",
        ) from error
    return settings.model_copy(
        update={"home": settings.home.absolute(), "programs": settings.programs.absolute()}
    )
