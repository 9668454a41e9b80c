"""A ledger with one alert delivered into the fake Slack, and clicks on it, signed as Slack does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import fake_slack
import pytest
from alert_stories import realistic_story
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import Engine, select

from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_buttons import LEAD, owner_mark
from pql_platform.adapters.slack_client import build_client
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.feedback import Feedback, list_feedback
from pql_platform.ledger.follow_ups import place_of_alert
from pql_platform.ledger.handoffs import Handoff, NewHandoff, NewMessage, find_handoff, open_handoff
from pql_platform.ledger.keys import handoff_id
from pql_platform.ledger.outbox import DrainResult, drain
from pql_platform.ledger.states import CONTACTED, WRONG_OWNER
from pql_platform.ledger.tables import metadata
from pql_platform.ledger.versions import NewVersion, record_version
from pql_platform.settings import Settings, load_settings

REPOSITORY = Path(__file__).parents[2]
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ANA, BO, MO = "U0ANA00001", "U0BO000001", "U0MO000001"
TEAM = f"""
people:
  ana: {{name: Ana, slack: {ANA}, manager: mo}}
  bo: {{name: Bo, slack: {BO}, manager: mo}}
  cy: {{name: Cy, manager: mo}}
  mo: {{name: Mo, slack: {MO}, approves: true}}
queues:
  desk: {{members: {{ana: 1, bo: 1, cy: 1}}, fallback: mo}}
fallback: mo
"""


@dataclass(frozen=True)
class Signed:
    """One request of Slack's: its body and its headers."""

    body: bytes
    headers: dict[str, str]

    def with_headers(self, **headers: str | None) -> Signed:
        """The same with other headers; None leaves one out."""
        changed = {**self.headers, **headers}
        kept = {name: value for name, value in changed.items() if value is not None}
        return Signed(self.body, kept)


def signed(body: bytes, at: float | str | None = None, secret: str = SECRET) -> Signed:
    """A request, signed by Slack's own code at a moment, by default now."""
    moment = str(int(datetime.now(UTC).timestamp())) if at is None else str(at)
    signature = SignatureVerifier(secret).generate_signature(timestamp=moment, body=body)
    assert signature is not None
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": moment,
        "x-slack-signature": signature,
    }
    return Signed(body, headers)


@dataclass
class Installation:
    """A ledger in which one alert was delivered, and the Slack in which it stands."""

    settings: Settings
    engine: Engine
    slack: Any
    id: str

    @property
    def place(self) -> dict[str, Any]:
        """Where the alert stands."""
        with reading(self.engine) as conn:
            return place_of_alert(conn, self.id) or {}

    @property
    def handoff(self) -> Handoff:
        """The hand-off as the ledger has it."""
        with reading(self.engine) as conn:
            return find_handoff(conn, self.id)

    @property
    def feedback(self) -> list[Feedback]:
        """What was answered."""
        with reading(self.engine) as conn:
            return list_feedback(conn)

    def rows(self, *but: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the ledger, without those of some tables."""
        with reading(self.engine) as conn:
            return {
                table.name: [tuple(row) for row in conn.execute(select(table))]
                for table in metadata.sorted_tables
                if table.name not in but
            }

    def cross(self, account: str, owner: str = "ana") -> str:
        """A lead, with an alert that waits."""
        now = datetime.now(UTC)
        id_ = handoff_id("boards", "account", account, 1)
        story = replace(
            realistic_story(),
            handoff_id=id_,
            account_id=account,
            owner=owner,
            crossed_at=now,
            due_at=now + timedelta(hours=2),
            contact_within_minutes=120,
            routed_to="desk",
        ).to_json()
        new = NewHandoff(
            program="boards",
            motion="new_business",
            level="account",
            subject_id=account,
            account_id=account,
            tier=1,
            episode=1,
            score=Decimal("82.25"),
            threshold=Decimal("62.5"),
            version_id="boards-v1",
            paying=False,
            crossed_at=now,
            opened_at=now,
            owner=owner,
            due_at=now + timedelta(hours=2),
            remind_at=now + timedelta(hours=1),
            story=story,
        )
        with self.engine.begin() as conn:
            return open_handoff(conn, new, [NewMessage("slack", "alert", {"story": story})])

    def drain(self, later: timedelta = timedelta(0)) -> DrainResult:
        """Deliver what waits."""
        client = build_client(self.slack.token, self.slack.base_url)
        return drain(
            self.engine,
            {"slack": SlackWeb(client, SlackChannels())},
            clock=lambda: datetime.now(UTC) + later,
            worker="w1",
            sleep=lambda _: None,
        )

    def payload(
        self, action: str = CONTACTED, value: str | None = None, user: str = ANA, **changes: Any
    ) -> dict[str, Any]:
        """A click on the alert, as Slack tells of it."""
        place = self.place
        pressed = {
            "action_id": action,
            "block_id": f"{LEAD}{self.id}",
            "type": "button",
            "action_ts": f"{datetime.now(UTC).timestamp():.6f}",
        }
        if value is not None and action in ("not_a_fit", "snooze"):
            pressed |= {"type": "static_select", "selected_option": {"value": value}}
        elif action == WRONG_OWNER:
            pressed["value"] = owner_mark(self.handoff.owner or "") if value is None else value
        else:
            pressed["value"] = self.id if value is None else value
        return {
            "type": "block_actions",
            "user": {"id": user, "name": user.lower()},
            "channel": {"id": place["channel"]},
            "message": {"ts": place["ts"]},
            "response_url": self.slack.response_url(),
            "actions": [pressed],
            **changes,
        }

    def request(self, *args: Any, **changes: Any) -> Signed:
        """A click on the alert as a signed request."""
        return signed(form(self.payload(*args, **changes)))


def form(payload: object) -> bytes:
    """A payload as Slack posts it."""
    return urlencode({"payload": json.dumps(payload)}).encode()


@pytest.fixture
def installation(
    tmp_path: Path, new_home: Settings, slack: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation whose first alert has arrived in the fake Slack."""
    team = tmp_path / "team.yaml"
    team.write_text(TEAM, encoding="utf-8")
    monkeypatch.setenv("PQL_TEAM", str(team))
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("SLACK_APP_TOKEN", fake_slack.APP_TOKEN)
    settings = load_settings()
    engine = open_ledger(settings.ledger_url)
    with engine.begin() as conn:
        record_version(
            conn,
            NewVersion(
                program="boards",
                program_digest="0" * 64,
                enter_account=Decimal("62.5"),
                enter_user=Decimal(55),
                leave_margin=Decimal(5),
                created_at=datetime.now(UTC),
                created_by="test",
                reason="first",
            ),
        )
    made = Installation(settings, engine, slack, "")
    made.id = made.cross("acme")
    assert made.drain().delivered == 1
    yield made
    engine.dispose()


@pytest.fixture
def kit() -> SimpleNamespace:
    """The helpers of this folder."""
    return SimpleNamespace(Signed=Signed, signed=signed, form=form)
