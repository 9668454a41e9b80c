"""What leaves the building: alerts to Slack, records and tasks to the CRM.

Each asset drains its part of the outbox and says what became of every message. A delivery that
fails is a state in the ledger, not a failed run: the hand-off sensor comes back for it.
"""

import os
import socket
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import Engine

from assets.handoffs import HANDOFFS
from pql_platform.domain.delivery import Channel
from pql_platform.errors import PqlError
from pql_platform.handoff.eligibility import eligibility_at_send
from pql_platform.handoff.urging import urge
from pql_platform.ledger.oncall import notify
from pql_platform.ledger.outbox import DrainResult, drain
from pql_platform.ledger.states import BREACH, ESCALATION, REMINDER
from pql_platform.resources import CRM, AlertSlack, Ledger, Tools
from pql_platform.settings import load_settings
from pql_platform.team.load import load_team
from pql_platform.team.schema import Team

SLACK_ALERTS = dg.AssetKey(["slack", "alerts"])
CRM_RECORDS = dg.AssetKey(["crm", "records"])
TOOL_CALLS = dg.AssetKey(["tools", "calls"])


@dg.asset(
    key=SLACK_ALERTS,
    deps=[HANDOFFS],
    group_name="deliveries",
    kinds={"slack"},
    # Before the copy for readers, which takes longer than everything between crossing and alert.
    op_tags={"dagster/priority": "1"},
    owners=["team:sales"],
)
def slack_alerts(ledger: Ledger, slack: AlertSlack, crm: CRM) -> dg.MaterializeResult:
    """The alerts, reminders, escalations and on-call messages that Slack confirmed, once each."""
    engine = ledger.engine()
    urged = urge(engine, _team(engine), crm.channel(engine), datetime.now(UTC))
    return _drained(
        engine,
        {"slack": slack.channel()},
        {
            "reminders": urged[REMINDER],
            "escalations": urged[ESCALATION],
            "breaches": urged[BREACH],
            "contacted": urged["contacted"],
        },
    )


@dg.asset(
    key=CRM_RECORDS,
    # After Slack: the rep's minutes count, the record's do not.
    deps=[HANDOFFS, SLACK_ALERTS],
    group_name="deliveries",
    kinds={"crm"},
    owners=["team:sales"],
)
def crm_records(ledger: Ledger, crm: CRM) -> dg.MaterializeResult:
    """The companies, contacts, tasks and enrolments that the CRM confirmed, each exactly once."""
    engine = ledger.engine()
    return _drained(engine, {"crm": crm.channel(engine)}, {})


@dg.asset(
    key=TOOL_CALLS,
    deps=[HANDOFFS, SLACK_ALERTS],
    group_name="deliveries",
    kinds={"webhook"},
    owners=["team:product"],
)
def tool_calls(ledger: Ledger, tools: Tools) -> dg.MaterializeResult:
    """The prompts and e-mail sequences that other tools were told of, each by an id of its own."""
    return _drained(ledger.engine(), tools.channels(), {})


def _team(engine: Engine) -> Team | None:
    """The team, or None while its file is refused: what waits must go out all the same."""
    try:
        return load_team(load_settings().team)
    except PqlError as error:
        with engine.begin() as conn:
            notify(
                conn,
                cause="team file",
                title="the team file is refused",
                body=f"{error}.\nCrossings are not handed over until it is mended, and deadlines "
                "name nobody's manager; events wait safely.",
                severity="critical",
                now=datetime.now(UTC),
            )
        return None


def _drained(
    engine: Engine, channels: dict[str, Channel], also: dict[str, int]
) -> dg.MaterializeResult:
    result: DrainResult = drain(
        engine,
        channels,
        clock=lambda: datetime.now(UTC),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        eligible=eligibility_at_send(load_settings()),
    )
    return dg.MaterializeResult(
        metadata={
            "delivered": result.delivered,
            "retried": result.retried,
            "unknown": result.unknown,
            "dead": result.dead,
            "held": result.held,
            "canceled": result.canceled,
            **also,
        }
    )
