"""The tracking plan of Boards: every message that the product can send, with its properties.

One action is one name in the event stream; its variants differ only in properties and are drawn
uniformly. Messages that carry traits of a person or an account are in `identities`.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Any


class Action(IntEnum):
    """Something that the product reports. The order is internal and never leaves this package."""

    HOME = 0
    PRICING = auto()
    BOARDS = auto()
    SIGNED_UP = auto()
    SIGNED_UP_INVITED = auto()
    TRIAL_STARTED = auto()
    LOGGED_IN = auto()
    BOARD_CREATED = auto()
    BOARD_SHARED = auto()
    TEAMMATE_INVITED = auto()
    INVITE_ACCEPTED = auto()
    COMMENT_ADDED = auto()
    TEMPLATE_USED = auto()
    INTEGRATION_CONNECTED = auto()
    DATA_IMPORTED = auto()
    EXPORT_LIMIT_REACHED = auto()
    BOARD_LIMIT_REACHED = auto()
    PREMIUM_FEATURE_TRIED = auto()
    UPGRADE_PROMPT_CLICKED = auto()
    PLAN_COMPARED = auto()
    API_KEY_CREATED = auto()
    SUBSCRIPTION_CANCELED = auto()
    HELP_ARTICLE_VIEWED = auto()
    # From here on the content depends on who sends it.
    IDENTIFY = auto()
    GROUP_TRIAL = auto()
    GROUP_FREE = auto()
    GROUP_PLAIN = auto()
    SUBSCRIPTION_STARTED = auto()


Body = dict[str, Any]


def page(name: str, path: str, **properties: object) -> Body:
    """A page call, without sender and times."""
    return {"type": "page", "name": name, "properties": {"path": path, **properties}}


def track(event: str, **properties: object) -> Body:
    """A track call, without sender and times."""
    return {"type": "track", "event": event, "properties": properties}


def _each(event: str, field: str, values: tuple[object, ...]) -> tuple[Body, ...]:
    return tuple(track(event, **{field: value}) for value in values)


_REFERRERS = ("$direct", "https://search.example/", "https://news.example/whiteboards")
_TEMPLATES = ("kanban", "retrospective", "customer-journey", "mind-map", "roadmap")
_ARTICLES = ("getting-started", "keyboard-shortcuts", "exporting", "permissions", "billing")
_ROLES = ("viewer", "commenter", "editor")

VARIANTS: dict[Action, tuple[Body, ...]] = {
    Action.HOME: tuple(page("Home", "/", referrer=referrer) for referrer in _REFERRERS),
    Action.PRICING: (page("Pricing", "/pricing"),),
    Action.BOARDS: (page("Boards", "/boards"),),
    Action.SIGNED_UP: _each("Signed Up", "method", ("email", "sso")),
    Action.SIGNED_UP_INVITED: (track("Signed Up", method="invitation"),),
    Action.TRIAL_STARTED: (track("Trial Started", plan="business", days=14),),
    Action.LOGGED_IN: _each("Logged In", "method", ("password", "sso")),
    Action.BOARD_CREATED: _each("Board Created", "template", ("blank", *_TEMPLATES)),
    Action.BOARD_SHARED: _each("Board Shared", "role", _ROLES),
    Action.TEAMMATE_INVITED: _each("Teammate Invited", "role", ("member", "admin")),
    Action.INVITE_ACCEPTED: (track("Invite Accepted"),),
    Action.COMMENT_ADDED: _each("Comment Added", "mentions", (0, 0, 1, 2)),
    Action.TEMPLATE_USED: _each("Template Used", "template", _TEMPLATES),
    Action.INTEGRATION_CONNECTED: _each(
        "Integration Connected", "integration", ("slack", "jira", "github", "google-drive")
    ),
    Action.DATA_IMPORTED: _each("Data Imported", "rows", (12, 40, 85, 160, 420, 1_100, 3_600)),
    Action.EXPORT_LIMIT_REACHED: _each("Export Limit Reached", "limit", (10,)),
    Action.BOARD_LIMIT_REACHED: _each("Board Limit Reached", "limit", (3,)),
    Action.PREMIUM_FEATURE_TRIED: _each(
        "Premium Feature Tried", "feature", ("voting", "timer", "private-boards", "version-history")
    ),
    Action.UPGRADE_PROMPT_CLICKED: _each("Upgrade Prompt Clicked", "place", ("banner", "dialog")),
    Action.PLAN_COMPARED: (track("Plan Compared", plans=["free", "team", "business"]),),
    Action.API_KEY_CREATED: (track("API Key Created", scope="read"),),
    Action.SUBSCRIPTION_CANCELED: _each("Subscription Canceled", "reason", ("price", "unused")),
    Action.HELP_ARTICLE_VIEWED: _each("Help Article Viewed", "article", _ARTICLES),
}
