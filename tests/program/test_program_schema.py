"""The published JSON Schema is that of the models, and the programs that ship satisfy it."""

import json
import subprocess
import sys

import jsonschema
import pytest

from pql_platform.program.json_schema import json_schema, keys_at
from pql_platform.program.source import read_source


def test_the_published_schema_is_that_of_the_models(repository):
    published = (repository / "docs" / "program.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json_schema()


def test_the_module_prints_the_published_schema(repository):
    command = [sys.executable, "-m", "pql_platform.program.json_schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository)
    assert printed.stdout == (repository / "docs" / "program.schema.json").read_text()


def test_the_schema_is_a_valid_schema_and_describes_every_key():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    undescribed = [
        (name, key)
        for name, model in {"Program": schema, **schema["$defs"]}.items()
        for key, value in model["properties"].items()
        if "description" not in value and "$ref" not in value and "items" not in value
        and "anyOf" not in value
    ]  # fmt: skip
    assert undescribed == []


@pytest.mark.parametrize(
    "file",
    [
        "boards.yaml",
        "examples/hedgebox.yaml",
        "examples/boards-trial.yaml",
        "examples/boards-freemium.yaml",
    ],
)
def test_the_programs_that_ship_satisfy_the_schema(repository, file):
    data = json.loads(json.dumps(read_source(repository / "programs" / file).data, default=str))
    jsonschema.validate(data, json_schema())


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("half_life_days", 0),
        ("half_life_days", "7"),
        ("weights", {"usage_dept": 100}),
        ("playbooks", {"teir3": "x"}),
        ("extra", 1),
        ("profile", "fremium"),
        ("plans", {"trail": ["x"]}),
        ("plans", {"trial": "x"}),
        ("account_rule", {"spread_users": 1}),
        ("account_rule", {"spread_points": -1}),
        ("account_rule", {"single_user_cap": 101}),
        ("motion", "old_business"),
        ("segments", {}),
    ],
)
def test_an_editor_sees_the_same_mistakes(repository, key, wrong):
    data = json.loads(
        json.dumps(read_source(repository / "programs" / "boards.yaml").data, default=str)
    )
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data | {key: wrong}, json_schema())


def test_keys_are_found_below_lists_and_optional_sections():
    assert "horizon_days" in keys_at(("conversion",))
    assert keys_at(("tiers", 0, "when")) == ("score_at_least", "segment")
    assert "within_days" in keys_at(("aha",))
    assert keys_at(("weights", "viral")) == ()


def test_a_default_is_of_the_type_that_the_schema_asks_for():
    schema = json_schema()
    with_defaults = [
        (f"{name}.{key}", value, value["default"])
        for name, model in {"Program": schema, **schema["$defs"]}.items()
        for key, value in model["properties"].items()
        if value.get("default") is not None
    ]
    assert "AccountRule.single_user_cap" in [name for name, _, _ in with_defaults]
    for _, value, default in with_defaults:
        jsonschema.validate(default, {**value, "$defs": schema["$defs"]})
