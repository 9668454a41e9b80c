"""All suites by name, in the order of the line from event to hand-off."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from expectations.input_suites import EVENTS, FEATURES
from expectations.lead_suites import HANDOFFS, SCORES
from expectations.promises import Suite

SUITES: Mapping[str, Suite] = MappingProxyType(
    {suite.name: suite for suite in (EVENTS, FEATURES, SCORES, HANDOFFS)}
)
