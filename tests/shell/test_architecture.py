"""The rules of the layout, read from the source: who may import whom, and what is never done."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOTS = ("pql_platform", "assets", "sensors", "expectations")

# From the inside out; a part imports its own layer and those above it in this list.
LAYERS = (
    ("pql_platform", "pql_platform.errors", "pql_platform.settings", "pql_platform.domain"),
    (
        "pql_platform.adapters",
        "pql_platform.intake",
        "pql_platform.ledger",
        "pql_platform.program",
        "pql_platform.team",
        "pql_platform.warehouse",
    ),
    ("pql_platform.qualify", "pql_platform.handoff", "pql_platform.calibration"),
    (
        "pql_platform.instance",
        "pql_platform.resources",
        "pql_platform.run_errors",
        "pql_platform.answers",
    ),
    ("assets", "sensors", "expectations"),
    ("pql_platform.automation", "pql_platform.definitions"),
    (
        "pql_platform.passes",
        "pql_platform.serve",
        "pql_platform.demo",
        "pql_platform.warm_launcher",
        "pql_platform.warm_worker",
    ),
    ("pql_platform.cli",),
)
NEEDS_DAGSTER = {
    "pql_platform.instance",
    "pql_platform.resources",
    "pql_platform.run_errors",
    "pql_platform.answers",  # the doctor looks at runs and heartbeats
    "assets",
    "sensors",
    "expectations",
    "pql_platform.automation",
    "pql_platform.definitions",
    "pql_platform.passes",
    "pql_platform.warm_launcher",
    "pql_platform.warm_worker",
}
PURE = {
    *("__future__", "abc", "collections", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "hashlib", "itertools", "json", "math", "operator", "pydantic"),
    *("re", "string", "types", "typing", "unicodedata", "urllib.parse", "zoneinfo"),
}
CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter", "time_ns"}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}

# Where names, never values, are put into a statement: those of the deployed SQLMesh project.
SQL_FROM_NAMES = {
    "assets/models.py",
    "pql_platform/answers/scores.py",
    "pql_platform/warehouse",
    "expectations",
}


def sources() -> list[Path]:
    found = [path for root in ROOTS for path in sorted((REPOSITORY / root).rglob("*.py"))]
    assert len(found) > 100
    return found


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def part_of(path: Path) -> str:
    return part_named(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))


def part_named(module: str) -> str:
    pieces = module.removesuffix(".__init__").split(".")
    return ".".join(pieces[:2]) if pieces[0] == "pql_platform" else pieces[0]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno} imports relatively"
            assert node.module is not None
            if node.module == "pql_platform":
                yield from (f"pql_platform.{alias.name}" for alias in node.names)
            else:
                yield node.module


def rank(part: str) -> int:
    for depth, parts in enumerate(LAYERS):
        if part in parts:
            return depth
    raise AssertionError(f"{part} has no layer yet: decide where it belongs")


@pytest.mark.parametrize("path", sources(), ids=named)
def test_imports_point_inwards(path: Path) -> None:
    if part_of(path) == "pql_platform.warehouse" and "sqlmesh" in path.parts:
        return  # SQLMesh loads these by file, each for itself
    mine = part_of(path)
    outwards = {
        module
        for module in imported(path)
        if module.split(".")[0] in ROOTS and rank(part_named(module)) > rank(mine)
    }
    assert outwards == set()


def test_only_the_shell_knows_dagster() -> None:
    users = {
        part_of(path)
        for path in sources()
        for module in imported(path)
        if module.split(".")[0].startswith("dagster")
    }
    assert users <= NEEDS_DAGSTER


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "pql_platform" / "domain").glob("*.py")), ids=named
)
def test_the_domain_is_pure(path: Path) -> None:
    foreign = {
        module
        for module in imported(path)
        if module not in PURE
        and module.split(".")[0] not in PURE
        and not module.startswith("pql_platform.domain")
    }
    assert foreign == set()
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.Call)
    }
    assert called & (CLOCKS | IMPURE_CALLS) == set()


def test_nothing_is_read_at_import() -> None:
    readers = re.compile(r"\benviron\b|getenv|datetime\.now|time\.time\(|load_settings\(|read_text")
    found = [
        f"{named(path)}:{node.lineno}"
        for path in sources()
        for node in ast.parse(text_of(path)).body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.If)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and "sqlmesh" not in path.parts
        and readers.search(ast.unparse(node))
    ]
    assert found == []


@pytest.mark.parametrize("path", sources(), ids=named)
def test_each_module_says_what_it_is_for_and_is_short_enough_to_read(path: Path) -> None:
    text = text_of(path)
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{named(path)} has no charter"
    # The macros of SQLMesh are one concept and a language of their own.
    assert len(text.splitlines()) <= (350 if "sqlmesh" in path.parts else 300)


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "shared", "stuff"}
    assert [named(path) for path in sources() if path.stem in drawers] == []


def test_bad_records_are_never_ignored() -> None:
    files = [path for root in ROOTS for path in (REPOSITORY / root).rglob("*") if path.is_file()]
    readable = [path for path in files if path.suffix in {".py", ".sql", ".yaml"}]
    assert len(readable) > 100
    assert [named(path) for path in readable if "ignore_errors" in text_of(path)] == []


def test_statements_are_made_of_constants_but_where_it_is_said_why() -> None:
    lint = subprocess.run(
        [*(sys.executable, "-m", "ruff", "check", "--select", "S608,S602,S605", "--quiet"), *ROOTS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (lint.returncode, lint.stdout) == (0, "")
    excused = {named(path) for path in sources() if "S608" in text_of(path)}
    assert {name for name in excused if not name.startswith(tuple(SQL_FROM_NAMES))} == set()


def test_nothing_listens_to_the_world() -> None:
    files = [path for root in ROOTS for path in (REPOSITORY / root).rglob("*") if path.is_file()]
    files += [REPOSITORY / "workspace.yaml", REPOSITORY / "Makefile"]
    readable = [path for path in files if path.suffix in {".py", ".yaml", ""}]
    assert [
        named(path) for path in readable if re.search(r"0\.0\.0\.0|\[::\]", text_of(path))
    ] == []
