"""Checks a value against the part of JSON Schema that our documents use.

What is wrong is told without the value: a validator's own words would quote a password that is too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "object": (dict,),
}
#: of a parameter that is a number
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}", re.ASCII)


def mistakes(value: Any, schema: Schema, where: str = "") -> Iterator[tuple[str, str]]:
    """Where ``value`` is not as ``schema`` says, by JSON Pointer, and what it should be."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, each) for each in types):
        yield where, f"must be {' or '.join(types)}"
    elif isinstance(value, str):
        yield from ((where, words) for words in _wrong_text(value, schema))
    elif isinstance(value, dict):
        yield from _wrong_object(value, schema, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from ((where, words) for words in _wrong_number(value, schema))


def parameter(text: str, schema: Schema) -> Any:
    """The value that ``text``, of a path or a query, stands for; text where it stands for none."""
    return int(text) if schema["type"] == "integer" and _INTEGER.fullmatch(text) else text


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _wrong_text(value: str, schema: Schema) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield "must not be empty" if not value else f"must have at least {schema['minLength']} characters"
    elif len(value) > schema.get("maxLength", len(value)):
        yield f"must have at most {schema['maxLength']} characters"
    elif "pattern" in schema and re.fullmatch(schema["pattern"], value) is None:
        yield f"must match {schema['pattern']}"


def _wrong_number(value: float, schema: Schema) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"must be at least {schema['minimum']}"
    elif value > schema.get("maximum", value):
        yield f"must be at most {schema['maximum']}"


def _wrong_object(value: dict[str, Any], schema: Schema, where: str) -> Iterator[tuple[str, str]]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}/{name}", "is missing"
    for name, member in value.items():
        # what stands there is the caller's: of a name that we do not know no more than its place is told
        if name in known:
            yield from mistakes(member, known[name], f"{where}/{name}")
        else:
            yield where or "/", f"takes only {', '.join(known)}"
