"""The digest of what a new version makes cross: its leads by name, and the rest counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from pql_platform.adapters.slack import SlackChannels
from pql_platform.adapters.slack_compose import compose
from pql_platform.adapters.slack_digest import MOST_NAMED, digest_message
from pql_platform.adapters.slack_local import LocalSlack
from pql_platform.domain.delivery import Message, Rejected

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NASTY = "<!channel> *Acme* & <https://evil.example|Sons> `@here` \u202e" + "x" * 500


def payload(leads: int, name: str = "Acme", **changes: Any) -> dict[str, Any]:
    return {
        "title": f"{leads} accounts by boards-v4 alone",
        "program": "boards",
        "version": "boards-v4",
        "before": "boards-v3",
        "by": "ana",
        "why": "backtest of the first quarter",
        "as_of": NOW.isoformat(),
        "leads": [
            {
                "level": "account",
                "id": f"a{number}",
                "account": f"a{number}",
                "name": f"{name} {number}",
                "score": "71.5",
                "threshold": "60",
                "tier": 2,
                "owner": "ae.emea",
            }
            for number in range(leads)
        ],
        **changes,
    }


def shown(blocks: list[dict[str, Any]]) -> str:
    return "\n".join(block["text"]["text"] for block in blocks if "text" in block)


def test_it_names_each_lead_and_says_what_made_it_one() -> None:
    content = digest_message(payload(3), "k1")
    for said in (content.text, shown(content.blocks)):
        assert "3 accounts by boards-v4 alone" in said
        assert "boards-v4 judges in the place of boards-v3" in said
        assert "made live by ana: backtest of the first quarter" in said
        for number in range(3):
            assert f"Acme {number}: score 71.5, the line is at 60, owner ae.emea" in said
        assert "more" not in said
    assert content.metadata["event_payload"] == {"key": "k1"}
    assert "pql rollback" in json.dumps(content.blocks)


def test_of_more_leads_than_there_is_room_for_the_rest_is_counted() -> None:
    content = digest_message(payload(MOST_NAMED + 1_234), "k1")
    for said in (content.text, shown(content.blocks)):
        assert said.count("owner ae.emea") == MOST_NAMED
        assert "and 1,234 more" in said


@pytest.mark.parametrize("leads", [1, MOST_NAMED, 5_000])
def test_no_name_breaks_a_limit_of_slack_mentions_or_formats(leads: int) -> None:
    changes = dict.fromkeys(("title", "version", "before", "by", "why"), NASTY)
    content = digest_message(payload(leads, NASTY, **changes), "k1")
    assert len(content.blocks) <= 50
    assert all(Block.parse(block) is not None for block in content.blocks)
    texts = [block["text"]["text"] for block in content.blocks if "text" in block]
    assert all(len(text) <= 3_000 for text in texts)
    assert sum(map(len, texts)) < 13_200
    assert len(content.text) < 40_000
    for harm in ("<!", "<https", "\u202e", "@"):
        assert not any(harm in text for text in (*texts, content.text))
    _, *formatted = texts
    assert not any("*" in text for text in formatted)


@pytest.mark.parametrize("missing", ["title", "version", "leads"])
def test_a_digest_that_lacks_something_is_refused(missing: str) -> None:
    broken = {name: value for name, value in payload(1).items() if name != missing}
    with pytest.raises(Rejected, match=f"lacks {missing}"):
        compose(Message("k", "digest", broken), NOW)


def test_it_goes_to_the_channel_of_the_alerts_and_is_one_file_without_slack(
    tmp_path: Path,
) -> None:
    message = Message("k1", "digest", payload(2))
    assert SlackChannels(alert="a", oncall="b").of(message) == "a"
    channel = LocalSlack(tmp_path, SlackChannels(alert="leads"))
    first = channel.deliver(message, NOW)
    assert channel.deliver(message, NOW) == first
    assert channel.find(message) == first
    [written] = tmp_path.glob("*.json")
    assert "digest-2-accounts-by-boards-v4-alone" in written.name
    assert json.loads(written.read_text())["channel"] == "leads"
    assert "<title>Alert: Digest</title>" in written.with_suffix(".html").read_text()


def test_slack_gets_it_once_and_it_is_found_again(slack: Any, channel_to: Any) -> None:
    channel = channel_to(slack)
    message = Message("k1", "digest", payload(2))
    assert channel.find(message) is None
    channel.deliver(message, NOW)
    assert [posted["channel"] for posted in slack.requests()] == ["pql-alerts"]
    assert channel.find(message) is not None
    assert channel.find(Message("k2", "digest", payload(2))) is None
