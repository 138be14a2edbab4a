"""oversip_tw.web.api.schema"""

from __future__ import annotations

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.service.api import SCHEMAS, TABLE
from oversip_tw.web.api.schema import mistakes, parameter

#: what `mistakes` looks at, and what is for readers
CHECKED = {"type", "properties", "required", "minLength", "maxLength", "pattern", "minimum", "maximum"}
SAID = {"description", "examples", "default", "format", "writeOnly", "additionalProperties"}


def words(value: Any, schema: dict[str, Any]) -> list[str]:
    return [text for _, text in mistakes(value, schema)]


class MistakesTest(SynchronousTestCase):
    def test_types(self) -> None:
        """true is no number, 1.0 no integer, and null only where it may be."""
        for name, good, bad in (
            ("string", ["", "x"], [1, None, [], {}]),
            ("integer", [0, -1], [True, 1.5, "1", None]),
            ("number", [0, 1.5], [True, "1", None]),
            ("boolean", [True], [0, "true"]),
            ("object", [{}], [[], None]),
            ("null", [None], [0, ""]),
        ):
            for value in good:
                self.assertEqual([], words(value, {"type": name}))
            for value in bad:
                self.assertEqual([f"must be {name}"], words(value, {"type": name}))
        self.assertEqual([], words(None, {"type": ["string", "null"]}))
        self.assertEqual(["must be string or null"], words(1, {"type": ["string", "null"]}))

    def test_bounds(self) -> None:
        """Lengths, patterns and numbers, at the edge and past it; no line break slips through at the end."""
        text = {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a+$"}
        self.assertEqual([], words("aa", text))
        self.assertEqual(["must have at least 2 characters"], words("a", text))
        self.assertEqual(["must not be empty"], words("", text))
        self.assertEqual(["must have at most 3 characters"], words("aaaa", text))
        self.assertEqual(["must match ^a+$"], words("ab", text))
        self.assertEqual(["must match ^a+$"], words("aa\n", text))
        number = {"type": "number", "minimum": 1, "maximum": 3}
        self.assertEqual([], words(1, number) + words(3.0, number))
        self.assertEqual(["must be at least 1"], words(0.5, number))
        self.assertEqual(["must be at most 3"], words(4, number))

    def test_objects(self) -> None:
        """Where each mistake is; names that nobody knows are not repeated."""
        schema = {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "integer"}, "b": {"type": "object", "properties": {"c": {"type": "string"}}}},
        }
        self.assertEqual([], words({"a": 1, "b": {"c": ""}}, schema))
        self.assertEqual(
            [("/a", "is missing"), ("/b/c", "must be string"), ("/", "takes only a, b")],
            list(mistakes({"b": {"c": 1}, "s3cret": 1}, schema)),
        )

    def test_parameters(self) -> None:
        """A text that is a number becomes one where one is wanted."""
        self.assertEqual(12, parameter("12", {"type": "integer"}))
        self.assertEqual("12", parameter("12", {"type": "string"}))
        for text in ("012", "1.0", "+1", "١", "", "9" * 17):
            self.assertEqual(text, parameter(text, {"type": "integer"}))


class OurSchemasTest(SynchronousTestCase):
    def test_nothing_is_said_in_vain(self) -> None:
        """Of what a request holds our documents say nothing that is not checked."""

        def check(schema: dict[str, Any]) -> None:
            self.assertEqual(set(), set(schema) - CHECKED - SAID)
            if "pattern" in schema:
                re.compile(schema["pattern"])
            for each in schema.get("properties", {}).values():
                check(each)

        for operation in TABLE:
            for each in operation.parameters:
                check(dict(each.schema))
            if operation.body:
                check(dict(SCHEMAS[operation.body]))
                self.assertFalse(SCHEMAS[operation.body]["additionalProperties"])
