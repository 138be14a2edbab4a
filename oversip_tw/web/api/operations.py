"""What the table of an API is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of a path, where its name stands in braces, or else of the query, where it may be left out."""

    name: str
    about: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is as the table says."""

    #: parameters by name; those of the query that were left out have their default, None if there is none
    parameters: Mapping[str, Any]
    #: the JSON that came; None where the operation takes none
    body: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``body`` as JSON; None: there is none."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


#: ``async def handler(context, call)``; raises Problem
Handler = Callable[[Any, Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: a method on a path, and what comes of it."""

    method: str
    #: parameters in braces, each a segment of its own
    path: str
    #: a name for programs
    id: str
    #: one line for people
    about: str
    #: who does it; None: the resource that stands at that path besides
    handler: Handler | None = None
    parameters: tuple[Parameter, ...] = ()
    #: the schema of the request's JSON, by its name in `SCHEMAS` of the table; "": it takes none
    body: str = ""
    #: what goes well: the status, and the name of the schema of what comes with it
    status: int = 200
    answer: str = ""
    #: the media type of that
    media: str = "application/json"
    #: what may go wrong besides what may with all of them, by status
    problems: Mapping[int, str] = field(default_factory=dict)
    #: another status that comes with the same; 0: none
    failing: int = 0
    #: who has no token may too
    open: bool = False
    group: str = "server"
