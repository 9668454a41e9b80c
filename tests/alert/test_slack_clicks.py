"""What Slack says of a click is read whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.adapters.slack_clicks import Click, read_click
from pql_platform.errors import PqlError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def payload(block_id: str = "lead:h1", **action: Any) -> dict[str, Any]:
    """A click as Slack's documentation shows it, with what is not read among it."""
    return {
        "type": "block_actions",
        "team": {"id": "T9TK3CUKW", "domain": "example"},
        "user": {"id": "U0ANA00001", "username": "ana", "name": "ana", "team_id": "T9TK3CUKW"},
        "api_app_id": "AABA1ABCD",
        "token": "9s8d9as89d8as9d8as989",
        "container": {"type": "message", "message_ts": "1548261231.000200"},
        "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
        "channel": {"id": "CBR2V3XEX", "name": "pql-alerts"},
        "message": {"type": "message", "ts": "1548261231.000200", "text": "…"},
        "response_url": "https://hooks.slack.com/actions/AABA1ABCD/1232321423432/D09sSasdasdAS9091",
        "actions": [
            {
                "action_id": "contacted",
                "block_id": block_id,
                "text": {"type": "plain_text", "text": "Contacted"},
                "value": "h1",
                "type": "button",
                "action_ts": "1548426417.840180",
                **action,
            }
        ],
    }


def test_a_button_is_read() -> None:
    assert read_click(payload()) == Click(
        about="lead:h1",
        action="contacted",
        value="h1",
        user_id="U0ANA00001",
        user_name="ana",
        channel="CBR2V3XEX",
        message_ts="1548261231.000200",
        action_ts="1548426417.840180",
    )


def test_what_was_chosen_from_a_list_is_read() -> None:
    chosen = {"text": {"type": "plain_text", "text": "Too small"}, "value": "too_small"}
    click = read_click(payload(action_id="not_a_fit", selected_option=chosen))
    assert click is not None
    assert (click.action, click.value) == ("not_a_fit", "too_small")


def test_a_list_from_which_nothing_was_chosen_has_no_value() -> None:
    asked = payload(action_id="snooze", selected_option=None)
    del asked["actions"][0]["value"]
    click = read_click(asked)
    assert click is not None
    assert click.value == ""


@pytest.mark.parametrize(
    ("block_id", "handoff", "version"),
    [
        ("lead:h1", "h1", None),
        ("version:boards-v4", None, "boards-v4"),
        ("lead:version:x", "version:x", None),
        ("lead:", "", None),
    ],
)
def test_the_row_says_what_it_is_about(
    block_id: str, handoff: str | None, version: str | None
) -> None:
    click = read_click(payload(block_id))
    assert click is not None
    assert (click.handoff_id, click.version_id) == (handoff, version)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"type": "view_submission", "view": {}},
        {"type": "shortcut", "callback_id": "x"},
        {"type": "message_action"},
        {"type": 7},
        payload("Xy3b", action_id="open_0", url="https://crm.example", value=None),
        payload("leads:h1"),
    ],
    ids=["empty", "view", "shortcut", "message", "number", "link", "unknown row"],
)
def test_what_asks_for_nothing_is_no_click(asked: dict[str, Any]) -> None:
    assert read_click(asked) is None


def without(*path: str) -> dict[str, Any]:
    asked = json.loads(json.dumps(payload()))
    place = asked
    for name in path[:-1]:
        place = place[name] if name != "actions" else place[name][0]
    del place[path[-1]]
    return dict(asked)


@pytest.mark.parametrize(
    "asked",
    [
        without("actions"),
        without("actions", "block_id"),
        without("actions", "action_id"),
        without("actions", "action_ts"),
        without("user"),
        without("user", "id"),
        without("channel"),
        without("message"),
        without("message", "ts"),
        {**payload(), "actions": []},
        {**payload(), "actions": {}},
        {**payload(), "actions": "lead:h1"},
        {**payload(), "actions": [None]},
        {**payload(), "user": []},
        {**payload(), "user": {"id": ["U1"]}},
        {**payload(), "user": {"id": "U" * 41}},
        {**payload(), "message": None},
        {**payload(), "channel": "C01"},
        payload(value="x" * 301),
        payload(value={"nested": 1}),
        payload(value="half a character \ud83e"),
        payload(value="a zero \0 byte"),
        payload(selected_option=["x"]),
        payload(action_ts=1548426417.84),
        payload("lead:" + "h" * 300),
    ],
)
def test_what_is_none_of_slacks_payloads_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(PqlError, match="cannot be read"):
        read_click(asked)


def test_a_long_name_is_cut_so_that_it_can_be_kept() -> None:
    click = read_click({**payload(), "user": {"id": "U0ANA00001", "name": "a" * 300}})
    assert click is not None
    assert len(f"{click.user_name} ({click.user_id})") <= 200


def test_without_a_name_the_id_stands_for_it() -> None:
    click = read_click({**payload(), "user": {"id": "U0ANA00001"}})
    assert click is not None
    assert click.user_name == "U0ANA00001"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["actions", "user", "channel", "message"]), JSON)
def test_whatever_stands_in_its_places_it_is_read_or_refused(name: str, value: object) -> None:
    try:
        click = read_click({**payload(), name: value})
    except PqlError:
        return
    assert click is None or click.about.startswith(("lead:", "version:"))
