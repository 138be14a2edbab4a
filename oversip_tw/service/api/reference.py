"""The API's own documents, made from its table: ``python -m oversip_tw.service.api.reference`` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oversip_tw.service.api.schemas import SCHEMAS
from oversip_tw.service.api.table import ABOUT, TABLE, openapi
from oversip_tw.web.api.openapi import problems_of
from oversip_tw.web.api.operations import Operation, Schema

PAGE = "docs/reference/api.md"
DOCUMENT = "docs/reference/openapi.json"

_HEAD = f"""\
# HTTP API

Made from the code by `make reference`; change it there. The same for programs: [openapi.json](openapi.json) (OpenAPI
3.1), which a running server gives as `/openapi.json`.

{ABOUT}

The port is opened by `[admin] port` ([configuration](configuration.md)), on loopback unless `address` says otherwise:

```
$ curl http://127.0.0.1:9090/api/users
{{"users": [{{"user": "alice@example.org"}}], "next": null}}
$ curl -X PUT -H 'Content-Type: application/json' -d '{{"forward_busy": "bob", "ring_timeout": 20}}' \\
    http://127.0.0.1:9090/api/users/alice@example.org/rules
```

**Who may.** With `token` or `token_file` everybody shows it (`Authorization: Bearer ...`); only `/health` is free.
An address that is not loopback needs one, or the server does not start. Without one any program of the machine may, and
no page of the web: a request with an `Origin`, or with a `Host` that is neither loopback's nor one of `hosts`, is
refused with 403. Nothing is encrypted: over a network put the port behind a proxy with TLS.

**Limits.** 64 KiB of body, 30 s and one request for a connection, 100 connections, 10 s for an operation (503; a change
that was begun may still happen). Every change is one line in the log. Passwords come in and never go out.

| operation | what it does | takes | gives |
|---|---|---|---|
"""

_MIDDLE = """
Every operation may answer 400 (a parameter is wrong, or `Host` or `Authorization` is there twice), 401 (no token), 403
(see above) and, but for `/health` and `/metrics`, 503 (the store does not answer); with a body 413, 415 and 422.
`errors` of a problem says where each mistake is.

## What is given and taken

A `?` behind a name: it may be left out; behind a type: it may be null.
"""


def page() -> str:
    """docs/reference/api.md."""
    made = [_HEAD, *(_row(operation) for operation in TABLE), _MIDDLE]
    for name, schema in SCHEMAS.items():
        if schema.get("properties"):
            made.append(f"\n### {name}\n\n| member | type | meaning |\n|---|---|---|\n")
            made.extend(_member(member, each, schema) for member, each in schema["properties"].items())
    return "".join(made)


def document() -> str:
    """docs/reference/openapi.json."""
    return json.dumps(openapi(), indent=1, ensure_ascii=False) + "\n"


def _row(operation: Operation) -> str:
    takes = [f"`{each.name}`" for each in operation.parameters if f"{{{each.name}}}" not in operation.path]
    takes += [_link(operation.body)] if operation.body else []
    gives = f"{operation.status} {_link(operation.answer)}".strip()
    gives += f", {operation.failing} the same" if operation.failing else ""
    gives += "".join(f", {status}" for status in problems_of(operation) if status in operation.problems)
    cells = (f"`{operation.method} {operation.path}`", operation.about, ", ".join(takes), gives)
    return f"| {' | '.join(cells)} |\n"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})" if SCHEMAS.get(name, {}).get("properties") else ""


def _member(name: str, schema: Schema, within: Schema) -> str:
    left_out = "" if name in within.get("required", ()) else "?"
    return f"| `{name}`{left_out} | {_type(schema)} | {schema.get('description', '')} |\n"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    types: Any = schema["type"]
    null = isinstance(types, list)
    name = types[0] if null else types
    if name == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("properties"):
        name = ", ".join(schema["properties"])
    elif "enum" in schema:
        name = ", ".join(f'"{each}"' for each in schema["enum"])
    return f"{name}{'?' if null else ''}"


def main() -> None:
    """Write both into the current folder."""
    Path(PAGE).write_text(page())
    Path(DOCUMENT).write_text(document())


if __name__ == "__main__":
    main()
