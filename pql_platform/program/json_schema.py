"""The JSON Schema of the program file, for editors and for suggestions.

`python -m pql_platform.program.json_schema` prints it; `docs/program.schema.json` is that print.
The shapes themselves are in the models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pql_platform.program.schema import Program
from pql_platform.program.source import Loc

# pydantic leaves bounds on a validated decimal under its own names.
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


class _ProgramJsonSchema(GenerateJsonSchema):
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return {"type": "number"}

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Decimal):
            return int(dft) if dft == dft.to_integral_value() else float(dft)
        return super().encode_default(dft)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a program file."""
    generated = Program.model_json_schema(schema_generator=_ProgramJsonSchema)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **generated,
        "title": "PQL program",
    }
    return {key: _plain(value) for key, value in schema.items()}


def keys_at(loc: Loc, model: type[BaseModel] = Program) -> tuple[str, ...]:
    """The keys that a file of a model may have at a place; empty where keys are free."""
    schema = model.model_json_schema(schema_generator=_ProgramJsonSchema)
    places = [schema]
    for part in loc:
        places = [
            below for place in _variants(schema, places) for below in _below(place, part) if below
        ]
    return tuple(key for place in _variants(schema, places) for key in place.get("properties", ()))


def _variants(schema: dict[str, Any], places: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for place in places:
        if "$ref" in place:
            place = schema["$defs"][place["$ref"].rpartition("/")[2]]
        if "anyOf" in place:
            yield from _variants(schema, place["anyOf"])
        else:
            yield place


def _below(place: dict[str, Any], part: str | int) -> Iterator[Any]:
    if isinstance(part, int):
        yield place.get("items")
    else:
        yield place.get("properties", {}).get(part)
        # Below a name that the file chose itself, as that of a webhook.
        yield from place.get("patternProperties", {}).values()


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "patternProperties" in node:
        node = {**node, "additionalProperties": False}
    # Generated titles repeat the key; only models keep theirs.
    return {
        _BOUNDS.get(key, key): _plain(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str) and "properties" not in node)
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
