"""Without a Slack token, alerts land as files that anybody can open, once each."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import fake_slack
import pytest
from alert_stories import CROSSED_AT, NOW

from pql_platform.adapters.slack_local import LocalSlack
from pql_platform.domain.delivery import Ambiguous, Message, Rejected, TryLater


def test_an_alert_becomes_the_exact_payload_and_a_page_beside_it(
    tmp_path: Path, alert: Any
) -> None:
    evidence = LocalSlack(tmp_path / "alerts").deliver(alert(), NOW)
    file = Path(evidence.detail["file"])
    payload = json.loads(file.read_text())
    assert file.name.startswith("20260915T135700Z-larkspur-robotics-")
    assert evidence.reference == file.name
    assert payload["channel"] == "pql-alerts"
    assert payload["metadata"]["event_payload"]["key"] == alert().key
    assert fake_slack.refusal(payload) is None
    assert "Larkspur Robotics" in Path(evidence.detail["preview"]).read_text()


def test_the_files_are_for_the_owner_only_and_nothing_else_lies_there(
    tmp_path: Path, alert: Any
) -> None:
    folder = tmp_path / "alerts"
    LocalSlack(folder).deliver(alert(), NOW)
    assert sorted(path.suffix for path in folder.iterdir()) == [".html", ".json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_same_key_twice_is_one_file_and_the_first_stands(tmp_path: Path, alert: Any) -> None:
    channel = LocalSlack(tmp_path)
    first = channel.deliver(alert(), NOW)
    before = Path(first.detail["file"]).read_text()
    assert channel.deliver(alert(), NOW + timedelta(hours=1)) == first
    assert Path(first.detail["file"]).read_text() == before
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_the_same_key_from_many_writers_is_one_file(tmp_path: Path, alert: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda seconds: LocalSlack(tmp_path).deliver(
                    alert(), NOW + timedelta(seconds=seconds)
                ),
                range(16),
            )
        )
    assert len({evidence.reference for evidence in found}) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_what_was_not_delivered_is_not_found(tmp_path: Path, alert: Any) -> None:
    channel = LocalSlack(tmp_path)
    assert channel.find(alert()) is None
    channel.deliver(alert(), NOW)
    assert channel.find(alert(key="another")) is None
    assert channel.find(alert()) is not None


def test_an_escalation_lies_beside_its_alert(tmp_path: Path, alert: Any) -> None:
    channel = LocalSlack(tmp_path)
    channel.deliver(alert(), NOW)
    late = Message("escalation", "escalation", alert().payload)
    channel.deliver(late, CROSSED_AT + timedelta(hours=3))
    stamps = {path.name.split("-")[0] for path in tmp_path.glob("*.json")}
    assert stamps == {"20260915T135700Z"}
    assert len(list(tmp_path.glob("*.json"))) == 2


def test_a_call_to_duty_is_a_file_too_and_only_one(tmp_path: Path) -> None:
    channel = LocalSlack(tmp_path)
    duty = Message("k", "oncall", {"title": "Token refused", "body": "b", "severity": "high"})
    first = channel.deliver(duty, NOW)
    assert first.reference.startswith("20260915T140500Z-oncall-token-refused-")
    assert channel.deliver(duty, NOW + timedelta(days=1)) == first


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", "陈美", "x" * 10_000, "a/b\x00c", "\ud800"]
)
def test_a_hostile_account_name_stays_inside_the_folder(
    name: str, tmp_path: Path, alert: Any
) -> None:
    folder = tmp_path / "alerts"
    message = alert()
    message.payload["story"]["account_name"] = name
    evidence = LocalSlack(folder).deliver(message, NOW)
    assert Path(evidence.detail["file"]).parent == folder
    assert len(evidence.reference) < 120


def test_a_folder_that_cannot_be_written_is_tried_later(tmp_path: Path, alert: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(TryLater, match="cannot be written"):
        LocalSlack(blocked / "alerts").deliver(alert(), NOW)


def test_a_write_that_breaks_off_leaves_nothing_behind(
    tmp_path: Path, alert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pql_platform.adapters.slack_local.os.fsync", full)
    channel = LocalSlack(tmp_path)
    with pytest.raises(TryLater, match="No space left"):
        channel.deliver(alert(), NOW)
    assert list(tmp_path.iterdir()) == []
    assert channel.find(alert()) is None


def test_a_file_that_cannot_be_read_leaves_the_question_open(tmp_path: Path, alert: Any) -> None:
    channel = LocalSlack(tmp_path)
    Path(channel.deliver(alert(), NOW).detail["file"]).write_text("{")
    with pytest.raises(Ambiguous):
        channel.find(alert())


def test_what_cannot_be_composed_is_rejected_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        LocalSlack(tmp_path).deliver(Message("k", "crm_task", {}), NOW)
    assert list(tmp_path.iterdir()) == []
