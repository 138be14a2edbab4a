"""The OpenAPI document of a table of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from oversip_tw.web.api.operations import Operation, Parameter, Schema
from oversip_tw.web.api.problems import MEDIA_TYPE, SCHEMA

#: what may go wrong with every operation
_ALWAYS = {
    400: "`Host` or `Authorization` is there twice.",
    403: "The request comes from a page of the web, or calls this port by a strange name.",
}
_WITH_TOKEN = {401: "The bearer token is missing or wrong."}
_WITH_PARAMETERS = {400: "A parameter is wrong, or the body is not JSON."}
_WITH_BODY = {
    400: "The body is not JSON, or a parameter is wrong.",
    413: "The body is too long.",
    415: "The body is not application/json.",
    422: "The body is not as its schema says.",
}
_WITH_HANDLER = {503: "The store does not answer."}


def document(
    table: Sequence[Operation], schemas: Mapping[str, Schema], title: str, version: str, about: str
) -> dict[str, Any]:
    """OpenAPI 3.1, as JSON says it."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": about},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.group for operation in table)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`admin.token` of the configuration; where there is none, none is needed.",
                }
            },
            "schemas": {**schemas, "Problem": SCHEMA},
        },
    }


def problems_of(operation: Operation) -> dict[int, str]:
    """All that may go wrong with it, by status."""
    found = dict(_ALWAYS)
    if not operation.open:
        found |= _WITH_TOKEN
    if operation.handler is not None:
        found |= _WITH_PARAMETERS | _WITH_HANDLER
    if operation.body:
        found |= _WITH_BODY
    return dict(sorted((found | dict(operation.problems)).items()))


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.about,
        "tags": [operation.group],
        "responses": {str(operation.status): _answer(operation)}
        | ({str(operation.failing): _answer(operation)} if operation.failing else {})
        | {str(status): _problem(text) for status, text in problems_of(operation).items()},
    }
    if operation.open:
        made["security"] = [{}]
    if operation.parameters:
        made["parameters"] = [_parameter(each, operation.path) for each in operation.parameters]
    if operation.body:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _named(operation.body)}},
        }
    return made


def _answer(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answer:
        made["content"] = {operation.media: {"schema": _named(operation.answer)}}
    if operation.status == 201:
        made["headers"] = {"Location": {"description": "Where it is now.", "schema": {"type": "string"}}}
    return made


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": _named("Problem")}}}


def _parameter(parameter: Parameter, path: str) -> dict[str, Any]:
    in_path = f"{{{parameter.name}}}" in path
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": parameter.about,
        "schema": dict(parameter.schema),
    }


def _named(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
