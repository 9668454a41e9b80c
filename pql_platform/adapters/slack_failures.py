"""What each failure of a Slack call means for the message: sent, not sent, or nobody knows.

One table over every error code that Slack documents for chat.postMessage, and the rules for the
failures that carry no code. What is done about it (retry, look, page, give up) is the outbox's
business; making the call is `slack.py`.

Sources: docs.slack.dev/reference/methods/chat.postMessage (errors) and /apis/web-api/rate-limits.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from urllib.error import URLError

from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from pql_platform.domain.delivery import (
    Ambiguous,
    DeliveryFailure,
    Rejected,
    TryLater,
    Unauthorised,
)

LONGEST_WAIT = 86_400.0
"""A day: no Retry-After beyond it is believed, so that a garbage number cannot hold an alert."""

# Slack refused before doing anything, and says or implies that the same call may work later.
TRY_LATER = frozenset(
    {
        "message_limit_exceeded",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",  # Slack got no complete request, so there was nothing to post
        "team_added_to_org",
    }
)
# Slack's own text says that part of the operation may have succeeded, or that it believes to have
# seen the message before; `service_unavailable` says neither, and a look is cheaper than a double.
AMBIGUOUS = frozenset(
    {
        "duplicate_channel_not_found",
        "duplicate_message_not_found",
        "fatal_error",
        "internal_error",
        "service_unavailable",
    }
)
# The token, its scopes or the workspace's leave to post: no message passes until it is repaired.
UNAUTHORISED = frozenset(
    {
        "access_denied",
        "accesslimited",
        "account_inactive",
        "app_access_restricted",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "metadata_must_be_sent_from_app",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
# Slack would not take the blocks; the same message as plain text still passes.
BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
# chat.update: the alert is not there any more, or too old to be changed.
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
# The channel or the payload: this message will never be taken in this form.
REJECTED = BLOCKS_REFUSED | frozenset(
    {
        "agent_prompt_display_not_allowed",
        "as_user_not_supported",
        "attachment_payload_limit_exceeded",
        "cannot_reply_to_message",
        "channel_not_found",
        "deprecated_endpoint",
        "draft_already_deleted",
        "draft_already_sent",
        "draft_has_conflict",
        "draft_not_found",
        "invalid_arg_name",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_charset",
        "invalid_form_data",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "invalid_post_type",
        "is_archived",
        "markdown_text_conflict",
        "messages_tab_disabled",
        "metadata_too_large",
        "method_deprecated",
        "missing_file_data",
        "missing_post_type",
        "msg_too_long",
        "no_text",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "send_on_behalf_not_allowed",
        "slack_connect_canvas_sharing_blocked",
        "slack_connect_file_link_sharing_blocked",
        "slack_connect_lists_sharing_blocked",
        "team_not_found",
        "too_many_attachments",
        "too_many_contact_cards",
    }
)

_CODE = re.compile(r"[a-z][a-z0-9_]*")
# Raised while connecting, before a byte of the request can have left.
_BEFORE_SENDING = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)


def error_code(error: Exception) -> str | None:
    """Slack's own error code, None when the answer was not one of Slack's."""
    if not isinstance(error, SlackApiError) or not isinstance(error.response, SlackResponse):
        return None
    answer = error.response.data
    code = answer.get("error") if isinstance(answer, dict) else None
    # The SDK puts a text of its own into `error` when the answer is no JSON.
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def failure_of(error: Exception) -> DeliveryFailure:
    """What a failed chat.postMessage means.

    A 5xx is Ambiguous and not TryLater: it says that the answer got lost, and a gateway says so
    also when the server behind it has already posted. Whatever else is not an answer in Slack's
    form is Ambiguous for the same reason. Unknown codes are Rejected: permanent and loud until a
    person has read what they mean.
    """
    if isinstance(error, URLError) and isinstance(error.reason, _BEFORE_SENDING):
        return TryLater(f"Slack was not reached: {error.reason}")
    if not isinstance(error, SlackApiError) or not isinstance(error.response, SlackResponse):
        return Ambiguous(f"no answer from Slack: {type(error).__name__}: {error}")
    status, code = error.response.status_code, error_code(error)
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return TryLater("Slack limits the rate", retry_after(error.response.headers))
    if code is None or status >= 500:
        return Ambiguous(f"HTTP {status} without an answer of Slack's: is SLACK_BASE_URL right?")
    needed = error.response.get("needed")  # the scope that `missing_scope` misses
    return _by_code(code, f"Slack answered {code}" + (f", needs {needed}" if needed else ""))


def retry_after(headers: Mapping[str, object]) -> float | None:
    """Seconds that Slack asks to wait, at most a day; None when absent or no whole number."""
    for name, value in headers.items():
        text = str(value).strip()
        if name.lower() == "retry-after" and text.isascii() and text.isdigit():
            return min(float(text), LONGEST_WAIT)
    return None


def _by_code(code: str, reason: str) -> DeliveryFailure:
    if code in TRY_LATER:
        return TryLater(reason)
    if code in AMBIGUOUS:
        return Ambiguous(reason)
    if code in UNAUTHORISED:
        return Unauthorised(reason)
    return Rejected(reason if code in REJECTED else f"{reason}, which is not documented")
