"""What names of events are taken for, and how they are said."""

from __future__ import annotations

import pytest

from pql_platform.calibration.event_naming import (
    buying_likeness,
    category_of,
    is_login,
    metric,
    signal_name,
    spoken,
)
from pql_platform.program.signals import Signal


@pytest.mark.parametrize(
    ("event", "likeness"),
    [
        ("Subscription Started", 2),
        ("upgraded_plan", 2),
        ("invoicePaid", 2),
        ("order_placed", 2),
        ("Checkout", 1),
        ("Subscription Canceled", 0),
        ("Upgrade Prompt Clicked", 0),
        ("Trial Started", 0),
        ("downgraded_plan", 0),
        ("page:Checkout", 0),
        ("Board Created", 0),
    ],
)
def test_purchases_are_known_by_their_names_and_talk_of_purchases_is_not(
    event: str, likeness: int
) -> None:
    assert buying_likeness(event) == likeness


@pytest.mark.parametrize("event", ["Logged In", "logged_in", "user.login", "signIn", "page:Login"])
def test_coming_in_is_known_by_its_name(event: str) -> None:
    assert is_login(event)


@pytest.mark.parametrize("event", ["Blog Published", "Signed Up", "Logo Uploaded", "In Review"])
def test_what_only_sounds_like_coming_in_is_not(event: str) -> None:
    assert not is_login(event)


@pytest.mark.parametrize(
    ("event", "category", "word"),
    [
        ("Teammate Invited", "viral", "teammate"),
        ("shared_file_link", "viral", "shared"),
        ("Export Limit Reached", "feature_adoption", "limit"),
        ("page:Pricing", "feature_adoption", "pricing"),
        ("App Opened", "frequency", "opened"),
        ("Board Created", "usage_depth", "work"),
    ],
)
def test_each_kind_of_behaviour_is_explained_by_a_word(
    event: str, category: str, word: str
) -> None:
    found, because = category_of(event)
    assert found == category
    assert word in because


@pytest.mark.parametrize(
    ("event", "many", "one"),
    [
        ("Board Created", "created {value} boards", "created a board"),
        ("uploaded_file", "uploaded {value} files", "uploaded a file"),
        ("API Key Created", "created {value} API keys", "created an API key"),
        ("Company Added", "added {value} companies", "added a company"),
        ("Data Imported", "imported data {value} times", "imported data once"),
        ("Logged In", "logged in {value} times", "logged in once"),
        ("page:Pricing", "looked at the page Pricing {value} times", "looked at the page Pricing"),
        ("export", "did “export” {value} times", "did “export” once"),
        ("{weird} name", "did “(weird) name” {value} times", "did “(weird) name” once"),
    ],
)
def test_an_event_is_said_in_the_past_tense(event: str, many: str, one: str) -> None:
    said = spoken(event)
    assert said.many == f"{many} in the last {{window_days}} days"
    assert said.one is not None
    assert said.one.startswith(one)


@pytest.mark.parametrize("event", ["Заказ", "9 lives", "…", "x" * 200, "Board Created", "page:{a}"])
def test_every_event_can_be_a_signal_whatever_it_is_called(event: str) -> None:
    said = spoken(event)
    written = {
        "name": signal_name(event, ()),
        "category": category_of(event)[0],
        "event": event,
        "measure": "count",
        "window_days": 14,
        "threshold": 1,
        "says": said.many,
        "says_one": said.one,
    }
    signal = Signal.model_validate(written)
    assert signal.event == event
    assert "{" not in signal.spoken(3)


def test_two_signals_have_two_names() -> None:
    first = signal_name("Board Created", ())
    assert (first, signal_name("board_created", (first,))) == ("boards_created", "boards_created_2")


def test_an_offering_reads_like_one() -> None:
    assert metric("Board Created") == "boards created"
    assert metric("uploaded_file") == "files uploaded"
