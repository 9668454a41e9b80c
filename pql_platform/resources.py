"""The outside world as Dagster resources: the warehouse, the ledger, Slack, the CRM, and the pass.

Each hands out a plain object of the library, so that nothing below knows Dagster. Tokens are read
from the environment when they are needed and never pass through run configuration, which Dagster
stores and shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from dagster_slack import SlackResource
from pydantic import SecretStr
from slack_sdk import WebClient
from sqlalchemy import Engine

from pql_platform.adapters.crm import Crm
from pql_platform.adapters.crm_sandbox import SandboxCRM
from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.adapters.slack_local import LocalSlack
from pql_platform.adapters.webhook import Endpoint, Webhooks
from pql_platform.domain.delivery import Channel
from pql_platform.errors import PqlError
from pql_platform.handoff.messages import HOOK
from pql_platform.ledger.engine import open_ledger
from pql_platform.program.load import load_programs
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.connection import open_serving, open_warehouse


class Warehouse(DuckDBResource):
    """The DuckDB warehouse, opened by one process at a time and always closed.

    dagster-duckdb leaves the file open when a step fails and retries a busy one for 102 s without
    saying who holds it; the lock of `warehouse.connection` does neither.
    """

    database: str = "warehouse.duckdb in PQL_HOME"

    @contextmanager
    def get_connection(self, *, checkpoint: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the warehouse for writing; waits for the other writer, within bounds."""
        with open_warehouse(load_settings(), checkpoint=checkpoint) as connection:
            yield connection

    @contextmanager
    def get_serving_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the published copy for reading; waits for nobody."""
        with open_serving(load_settings()) as connection:
            yield connection

    @property
    def settings(self) -> Settings:
        """The settings of this installation."""
        return load_settings()


class AlertSlack(SlackResource):
    """Slack with its own base URL and without the SDK's hidden retry.

    dagster-slack hands out a client that sends again after a dropped connection, which doubles the
    alert when the first one had arrived. Here the outbox owns every retry.
    """

    token: str = "SLACK_BOT_TOKEN of the environment"  # noqa: S105 - says where it is, is none

    def get_client(self) -> WebClient:
        """Return Slack's client.

        Raises:
            PqlError: No token is set.
        """
        settings = load_settings()
        if settings.slack_bot_token is None:
            raise PqlError(
                "is not set", field="SLACK_BOT_TOKEN", hint="Alerts land as files without it"
            )
        return build_client(
            settings.slack_bot_token.get_secret_value(), base_url=settings.slack_base_url
        )

    def channel(self) -> Channel:
        """Return Slack, or the folder that stands in for it while no token is set."""
        settings = load_settings()
        if settings.slack_bot_token is None:
            return LocalSlack(settings.alerts)
        names = SlackChannels(
            alert=settings.alert_channel,
            oncall=settings.oncall_channel,
            revops=settings.revops_channel or settings.alert_channel,
        )
        return SlackWeb(self.get_client(), names, answerable=settings.hears_clicks)


class Ledger(dg.ConfigurableResource):
    """The operational ledger: hand-offs, outbox, versions, breakers."""

    def engine(self) -> Engine:
        """Open the ledger, creating or upgrading it where needed."""
        return open_ledger(load_settings().ledger_url)


class CRM(dg.ConfigurableResource):
    """The CRM: the sandbox in the ledger's database, until a CRM's token is set."""

    def channel(self, engine: Engine) -> Crm:
        """Return the CRM as the outbox sees it."""
        return SandboxCRM(engine)


class Tools(dg.ConfigurableResource):
    """The tools outside that program files name as webhooks."""

    def channels(self) -> dict[str, Channel]:
        """Return each of them as a channel of the outbox, by the name of its channel.

        None while a program file is refused: calls wait until it is mended, and people are told of
        it by the sensor that watches the files.
        """
        try:
            programs = load_programs(load_settings().programs)
        except PqlError:
            return {}
        found: dict[str, Channel] = {}
        for loaded in programs:
            for name, webhook in loaded.program.webhooks.items():
                secret = os.environ.get(f"PQL_WEBHOOK_{name.upper()}")
                credential = SecretStr(secret) if secret else None
                ours = webhook.template == "generic"
                endpoint = Endpoint(
                    name=name,
                    url=webhook.url,
                    template=webhook.template,
                    secret=credential if ours else None,
                    token=None if ours else credential,
                )
                found[f"{HOOK}{name}"] = Webhooks({name: endpoint})
        return found


class ScoringPass(dg.ConfigurableResource):
    """How one run goes over the accounts.

    Attributes:
        as_of: ISO-8601 instant that is the clock of the whole run; empty means now.
        mode: `backfill` records crossings without telling anybody.
        rebuild: Recompute every model with SQLMesh; false brings only touched accounts up to date.
    """

    as_of: str | None = None
    mode: Literal["live", "backfill"] = "live"
    rebuild: bool = True

    @property
    def moment(self) -> datetime:
        """The clock of the run, aware UTC."""
        return self.given_moment or datetime.now(UTC)

    @property
    def given_moment(self) -> datetime | None:
        """The clock that was asked for, aware UTC; None for the moment of the work itself."""
        return None if self.as_of is None else parse_instant(self.as_of)


def parse_instant(text: str) -> datetime:
    """Read an ISO-8601 instant; one without an offset is taken as UTC.

    Raises:
        PqlError: It is not one.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PqlError(
            f"{text!r} is not an instant", field="as_of", hint="Write 2026-07-01T00:00:00Z"
        ) from error
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def default_resources() -> dict[str, dg.ConfigurableResource]:
    """The resources of a real installation; tests replace them by key."""
    return {
        "warehouse": Warehouse(),
        "ledger": Ledger(),
        "slack": AlertSlack(),
        "crm": CRM(),
        "tools": Tools(),
        "scoring_pass": ScoringPass(),
    }
