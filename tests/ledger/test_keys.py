"""Identities: the same for the same thing, different for any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pql_platform.ledger.keys import handoff_id, message_key, oncall_key

PARTS = st.tuples(
    st.text(max_size=8),
    st.sampled_from(["account", "user"]),
    st.text(max_size=8),
    st.sampled_from(["alert", "escalation", "crm_task"]),
    st.one_of(st.none(), st.integers(1, 3)),
    st.integers(1, 9),
)


def test_a_key_never_changes_between_releases() -> None:
    # Messages delivered before an upgrade must still be recognised after it.
    assert message_key("boards", "account", "acme", "alert", 1, 1) == (
        "a7b51b2b7377a69f93b8b6f499229ecd47dbc69c1da0a92e1d75f0a1cdd3f5df"
    )
    assert handoff_id("boards", "account", "acme", 1) == "h337eb8572f2311f31d811905"


@given(PARTS, PARTS)
def test_two_messages_share_a_key_only_if_all_parts_are_equal(one: tuple, other: tuple) -> None:
    assert (message_key(*one) == message_key(*other)) == (one == other)


def test_a_cause_has_one_page_an_hour() -> None:
    hour = datetime(2026, 3, 2, 9, tzinfo=UTC)
    keys = {oncall_key("dead:alert:x", hour + timedelta(minutes=m)) for m in range(60)}
    assert len(keys) == 1
    assert oncall_key("dead:alert:x", hour + timedelta(hours=1)) not in keys
    assert oncall_key("dead:alert:y", hour) not in keys
