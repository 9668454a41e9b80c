"""What a calibration found reaches Slack whole, harmless and within its limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.adapters.slack_proposal import proposal_message
from pql_platform.calibration.announcement import refusal
from pql_platform.domain.delivery import Rejected

TEXTS = st.lists(st.text(max_size=400), max_size=30)


def payload(**parts: Any) -> dict[str, Any]:
    found = {
        **refusal("boards", "boards-v1", "Only 12 accounts converted."),
        "title": "boards-v2 waits for a decision",
        "figures": [["buyers in the best 15 %", "61%", "72%"]],
        "points": [["invites", "15", "32.5", ""], ["sessions", "25", "0", "it does not speak"]],
    }
    return {**found, **parts}


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    found = []
    for block in blocks:
        elements = block.get("elements", [block])
        found += [
            element["text"]["text"]
            if "text" in element and isinstance(element["text"], dict)
            else str(element.get("text", ""))
            for element in elements
        ]
    return found


def test_who_decides_reads_the_figures_the_points_and_what_to_do() -> None:
    sent = proposal_message(payload(what_to_do=["Approve: `pql promote boards-v2`."]), "key")
    shown = "\n".join(texts(sent.blocks))
    for piece in ("boards-v2 waits", "72%", "32.5", "pql promote boards-v2", "Only 12 accounts"):
        assert piece in shown
    assert "72% proposed" in sent.text
    assert sent.metadata["event_payload"]["key"] == "key"


@given(reasons=TEXTS, moved=TEXTS, owners=TEXTS, warnings=TEXTS, risks=TEXTS, threshold=TEXTS)
def test_any_text_stays_within_the_limits_of_slack(**parts: list[str]) -> None:
    rows = [[text, text, text, text] for text in parts["owners"]]
    sent = proposal_message(payload(**parts, points=rows, figures=[row[:3] for row in rows]), "k")
    assert len(sent.blocks) <= 50
    assert all(len(text) <= 3000 for text in texts(sent.blocks))
    # Counted in bolt-js issue 2509: above it Slack refuses the message as a whole.
    assert sum(map(len, texts(sent.blocks))) <= 13_200


def test_names_of_customers_call_nobody_and_link_nowhere() -> None:
    evil = "<!channel> <@U123> <https://evil.example|Acme>"
    sent = proposal_message(payload(moved=[evil], owners=[evil], figures=[[evil, evil, evil]]), "k")
    for text in (*texts(sent.blocks), sent.text):
        assert "<!channel>" not in text
        assert "<@U123>" not in text
        assert "<https" not in text


def test_a_proposal_that_lacks_a_part_is_refused_by_its_name() -> None:
    broken = payload()
    del broken["figures"]
    with pytest.raises(Rejected, match="this proposal lacks figures"):
        proposal_message(broken, "k")
    json.dumps(proposal_message(payload(), "k").blocks)
