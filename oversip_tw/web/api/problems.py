"""What goes wrong, as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

#: the media type of problem details
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """The answer is this, and nothing was done. ``detail`` is for people, and never holds what a secret was sent in."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """``errors``: where in the request, by JSON Pointer or by the name of a parameter, and what is wrong there."""
        super().__init__(detail or HTTPStatus(status).phrase)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """As JSON says it."""
        title = HTTPStatus(self.status).phrase
        made: dict[str, Any] = {"type": "about:blank", "title": title, "status": self.status}
        if self.detail:
            made["detail"] = self.detail
        if self.errors:
            made["errors"] = [{"where": where, "detail": detail} for where, detail in self.errors]
        return made


#: the schema of what `Problem.body` gives
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "errors": {
            "type": "array",
            "description": "Each mistake in the request.",
            "items": {
                "type": "object",
                "required": ["where", "detail"],
                "properties": {"where": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
