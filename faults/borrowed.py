"""What the campaign borrows from the tests: the fake Slack, and a lead worth an alert."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parent.parent / "tests"


def _load(name: str, path: Path) -> ModuleType:
    # Under the name that the tests use, so that both share one copy within a process.
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be imported")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


fake_slack = _load("fake_slack", TESTS / "fakes" / "fake_slack.py")
alert_stories = _load("alert_stories", TESTS / "alert" / "stories.py")
