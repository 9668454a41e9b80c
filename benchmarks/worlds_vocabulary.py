"""The events of the planted worlds: the same names in all of them, whatever they do there."""

from __future__ import annotations

from collections.abc import Mapping

CATEGORY_OF: Mapping[str, str] = {
    "Project Created": "usage_depth",
    "Report Exported": "usage_depth",
    "Data Imported": "usage_depth",
    "Integration Connected": "feature_adoption",
    "Automation Enabled": "feature_adoption",
    "Template Used": "feature_adoption",
    "Teammate Invited": "viral",
    "Comment Added": "viral",
    "Document Shared": "viral",
}
"""What people do on purpose; each of them is the cause in some world."""

SIGNAL_OF: Mapping[str, str] = {
    "Project Created": "projects",
    "Report Exported": "exports",
    "Data Imported": "imports",
    "Integration Connected": "integrations",
    "Automation Enabled": "automations",
    "Template Used": "templates",
    "Teammate Invited": "invites",
    "Comment Added": "comments",
    "Document Shared": "shares",
}
"""The signal of `worlds_program.yaml` that counts each of them."""

ORDINARY: tuple[str, ...] = tuple(CATEGORY_OF)

LOGGED_IN, DASHBOARD, HELP = "Logged In", "Dashboard Viewed", "Help Article Viewed"
VANITY: tuple[str, ...] = (LOGGED_IN, DASHBOARD, HELP)
"""Easy to count and without an effect in every world."""

CONVERSION = "Subscription Started"

EVENTS: tuple[str, ...] = (*ORDINARY, *VANITY, CONVERSION)
"""Everything that happens, by the number that stands for it in the arrays."""

NUMBER_OF: Mapping[str, int] = {event: number for number, event in enumerate(EVENTS)}
