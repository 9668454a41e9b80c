"""Every way in which chat.postMessage can fail means exactly one thing for the message."""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.error import URLError

import pytest
from alert_stories import NOW

from pql_platform.adapters import slack_failures
from pql_platform.adapters.slack_failures import (
    BLOCKS_REFUSED,
    LONGEST_WAIT,
    failure_of,
    retry_after,
)
from pql_platform.domain.delivery import (
    Ambiguous,
    DeliveryFailure,
    Rejected,
    TryLater,
    Unauthorised,
)

# docs.slack.dev/reference/methods/chat.postMessage, errors, as of summer 2026.
# fmt: off
DOCUMENTED = [
    "access_denied", "accesslimited", "account_inactive", "agent_prompt_display_not_allowed",
    "app_access_restricted", "as_user_not_supported", "attachment_payload_limit_exceeded",
    "cannot_reply_to_message", "channel_not_found", "deprecated_endpoint",
    "draft_already_deleted", "draft_already_sent", "draft_has_conflict", "draft_not_found",
    "duplicate_channel_not_found", "duplicate_message_not_found", "ekm_access_denied",
    "enterprise_is_restricted", "fatal_error", "internal_error", "invalid_arg_name",
    "invalid_arguments", "invalid_array_arg", "invalid_auth", "invalid_blocks",
    "invalid_blocks_format", "invalid_charset", "invalid_form_data", "invalid_metadata_format",
    "invalid_metadata_schema", "invalid_post_type", "is_archived", "markdown_text_conflict",
    "message_limit_exceeded", "messages_tab_disabled", "metadata_must_be_sent_from_app",
    "metadata_too_large", "method_deprecated", "missing_file_data", "missing_post_type",
    "missing_scope", "msg_blocks_too_long", "msg_too_long", "no_permission", "no_text",
    "not_allowed_token_type", "not_authed", "not_in_channel", "org_login_required",
    "rate_limited", "ratelimited", "request_timeout", "restricted_action",
    "restricted_action_non_threadable_channel", "restricted_action_read_only_channel",
    "restricted_action_thread_locked", "restricted_action_thread_only_channel",
    "send_on_behalf_not_allowed", "service_unavailable", "slack_connect_canvas_sharing_blocked",
    "slack_connect_file_link_sharing_blocked", "slack_connect_lists_sharing_blocked",
    "team_access_not_granted", "team_added_to_org", "team_not_found", "token_expired",
    "token_revoked", "too_many_attachments", "too_many_contact_cards",
    "two_factor_setup_required",
]
# fmt: on

# The codes of which a mistake would cost most, fixed one by one.
MEANING = {
    "ratelimited": TryLater,
    "message_limit_exceeded": TryLater,
    "team_added_to_org": TryLater,
    "fatal_error": Ambiguous,
    "internal_error": Ambiguous,
    "service_unavailable": Ambiguous,
    "invalid_auth": Unauthorised,
    "token_revoked": Unauthorised,
    "account_inactive": Unauthorised,
    "token_expired": Unauthorised,
    "missing_scope": Unauthorised,
    "is_archived": Rejected,
    "channel_not_found": Rejected,
    "not_in_channel": Rejected,
    "restricted_action": Rejected,
    "msg_too_long": Rejected,
    "a_code_of_next_year": Rejected,
}
TABLE = {
    TryLater: slack_failures.TRY_LATER,
    Ambiguous: slack_failures.AMBIGUOUS,
    Unauthorised: slack_failures.UNAUTHORISED,
    Rejected: slack_failures.REJECTED,
}


def deliver(channel: Any, message: Any) -> DeliveryFailure:
    """The failure of a delivery that must fail."""
    with pytest.raises(DeliveryFailure) as caught:
        channel.deliver(message, NOW)
    return caught.value


def test_every_documented_code_stands_in_the_table_once_and_no_other_does() -> None:
    listed = [code for codes in TABLE.values() for code in codes]
    assert sorted(listed) == sorted(DOCUMENTED)


@pytest.mark.parametrize("code", sorted(set(DOCUMENTED) - BLOCKS_REFUSED))
def test_every_documented_code_becomes_its_failure_and_posts_nothing(
    code: str, lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    lasting_slack.break_next("chat.postMessage", {"fault": "ok_false", "code": code})
    failure = deliver(channel_to(lasting_slack), alert())
    [expected] = [kind for kind, codes in TABLE.items() if code in codes]
    assert type(failure) is expected
    assert lasting_slack.posted() == []


@pytest.mark.parametrize("code", MEANING)
def test_a_code_means_what_was_decided(
    code: str, lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    lasting_slack.break_next("chat.postMessage", {"fault": "ok_false", "code": code})
    failure = deliver(channel_to(lasting_slack), alert())
    assert type(failure) is MEANING[code]
    if code not in {"ratelimited"}:
        assert code in failure.reason


def test_an_unknown_code_is_called_undocumented(
    lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    lasting_slack.break_next("chat.postMessage", {"fault": "ok_false", "code": "brand_new"})
    assert "not documented" in deliver(channel_to(lasting_slack), alert()).reason


def test_a_missing_scope_is_named(lasting_slack: Any, channel_to: Any, alert: Any) -> None:
    fault = {"fault": "ok_false", "code": "missing_scope", "needed": "chat:write"}
    lasting_slack.break_next("chat.postMessage", fault)
    assert "chat:write" in deliver(channel_to(lasting_slack), alert()).reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("86400", 86_400.0),
        ("999999999999", LONGEST_WAIT),
        ("9" * 500, LONGEST_WAIT),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("inf", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_a_rate_limit_waits_as_told_and_as_usual_when_told_nonsense(
    header: str | None, seconds: float | None, lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    lasting_slack.break_next("chat.postMessage", {"fault": "rate_limited", "retry_after": header})
    failure = deliver(channel_to(lasting_slack), alert())
    assert isinstance(failure, TryLater)
    assert failure.after_seconds == seconds
    assert lasting_slack.posted() == []


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_the_waiting_time_is_found_in_any_case(name: str) -> None:
    assert retry_after({"Content-Type": "text/html", name: "12"}) == 12


def test_a_server_error_with_a_code_is_no_less_ambiguous(
    lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    body = '{"ok": false, "error": "is_archived"}'
    lasting_slack.break_next("chat.postMessage", {"fault": "http", "status": 500, "body": body})
    assert isinstance(deliver(channel_to(lasting_slack), alert()), Ambiguous)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("commit", [True, False])
def test_a_server_error_is_ambiguous_for_slack_may_have_posted(
    status: int, commit: bool, slack: Any, channel_to: Any, alert: Any
) -> None:
    slack.break_next("chat.postMessage", {"fault": "http", "status": status, "commit": commit})
    assert isinstance(deliver(channel_to(slack), alert()), Ambiguous)
    assert len(slack.posted()) == int(commit)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "garbage_200"},
        {"fault": "garbage_200", "body": ""},
        {"fault": "garbage_200", "body": "null"},
        {"fault": "garbage_200", "body": "[1]"},
        {"fault": "garbage_200", "body": "7"},
        {"fault": "garbage_200", "body": '"ok"'},
        {"fault": "garbage_200", "body": "{}"},
        {"fault": "garbage_200", "body": '{"ok": true}'},
        {"fault": "garbage_200", "body": '{"ok": true, "channel": "C1", "ts": "soon"}'},
        {"fault": "garbage_200", "body": '{"ok": false}'},
        {"fault": "garbage_200", "body": '{"ok": false, "error": 7}'},
        {"fault": "cut_200"},
        {"fault": "http", "status": 403, "body": "<html>proxy</html>"},
        {"fault": "http", "status": 404, "body": "not here"},
        {"fault": "http", "status": 307, "headers": {"Location": "http://127.0.0.1:9/"}},
        {"fault": "http", "status": 200, "headers": {"Content-Type": "application/gzip"}},
        {"fault": "http", "status": 200, "headers": {"Content-Type": "text/html; charset=x-no"}},
    ],
    ids=str,
)
def test_an_answer_that_is_not_slacks_is_ambiguous(
    fault: dict[str, Any], lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    lasting_slack.break_next("chat.postMessage", fault)
    assert isinstance(deliver(channel_to(lasting_slack), alert()), Ambiguous)


def test_a_refused_connection_is_certainly_not_delivered(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    channel = channel_to(slack)
    with socket.create_server(("127.0.0.1", 0)) as server:
        unused = server.getsockname()[1]
    channel._client.base_url = f"http://127.0.0.1:{unused}/api/"
    failure = deliver(channel, alert())
    assert isinstance(failure, TryLater)
    assert failure.after_seconds is None


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), TryLater),
        (ssl.SSLCertVerificationError("self-signed certificate"), TryLater),
        (ConnectionResetError(104, "reset by peer"), Ambiguous),
        (TimeoutError("timed out"), Ambiguous),
        (ssl.SSLEOFError("EOF occurred"), Ambiguous),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_only_what_fails_while_connecting_is_certainly_not_delivered(
    reason: OSError, kind: type[DeliveryFailure]
) -> None:
    assert type(failure_of(URLError(reason))) is kind
