"""The API: every operation, what it takes and gives. Requests are routed by this, and its document is made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from oversip_tw import __version__
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.service.api import bindings, users
from oversip_tw.service.api.context import Context
from oversip_tw.service.api.schemas import FLOW_ID, MOST_PAGE, REASON, SCHEMAS, USER
from oversip_tw.store.passwords import UnknownUser, UserExists
from oversip_tw.web.api import Call, Operation, Parameter, Problem, Reply
from oversip_tw.web.api.openapi import document

TITLE = "OverSIP-TW"
ABOUT = (
    "Users, rules for their calls, bindings and connections of a running server, on its admin port. Errors are problem "
    "details (RFC 9457). A list comes in pages: ask again with `after` = the `next` of the last one."
)

Work = Callable[[Context, Call], Awaitable[Reply]]


def told(work: Work) -> Work:
    """``work``, and what its users and store raise as problems."""

    async def run(context: Context, call: Call) -> Reply:
        try:
            return await work(context, call)
        except UnknownUser:
            raise Problem(404, "there is no such user") from None
        except UserExists:
            raise Problem(409, "there is such a user already") from None
        except StoreFailed as error:
            raise Problem(503, str(error)) from None

    return run


async def get_document(context: Context, call: Call) -> Reply:
    return Reply(200, openapi())


_USER = Parameter("user", "NAME@DOMAIN, or a NAME of the first domain.", USER)
_FLOW = Parameter("flow", "Its id.", FLOW_ID)
_LIMIT = Parameter(
    "limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MOST_PAGE, "default": 100}
)
_AFTER = Parameter("after", "The `next` of the page before.", USER)
_PLACE = Parameter(
    "after", "The `next` of the page before.", {"type": "string", "pattern": "^[0-9]{1,9}$", "maxLength": 9}
)
_REASON = Parameter("reason", "What the client is told: the reason of a WebSocket's close frame (code 4001).", REASON)
_ELSEWHERE = "The users are elsewhere: this is an edge, or a file or a web application has them and is not written to."
_NO_USER = {404: "There is no such user.", 409: _ELSEWHERE}
_NO_NAME = {404: "No domain of ours, or no name.", 409: _ELSEWHERE}
_NO_FLOW = {404: "There is no such connection."}
_EXISTS = {404: "No domain of ours, or no name.", 409: f"There is such a user already. {_ELSEWHERE}"}

TABLE = (
    Operation(
        "GET", "/api/users", "listUsers", "All users, by domain and name.", told(users.list_users), (_LIMIT, _AFTER),
        answer="Users", problems=_NO_NAME, group="users",
    ),
    Operation(
        "POST", "/api/users", "addUser", "Add a user.", told(users.add_user),
        body="NewUser", status=201, answer="User", problems=_EXISTS, group="users",
    ),
    Operation(
        "GET", "/api/users/{user}", "getUser", "One user.", told(users.get_user), (_USER,),
        answer="User", problems=_NO_USER, group="users",
    ),
    Operation(
        "DELETE", "/api/users/{user}", "removeUser",
        "Remove a user and its rules, end its bindings, and close the connections that are for nobody else.",
        told(users.remove_user), (_USER,), status=204, problems=_NO_USER, group="users",
    ),
    Operation(
        "PUT", "/api/users/{user}/password", "changePassword", "Give a user a new password.",
        told(users.change_password), (_USER,),
        body="Password", status=204, problems=_NO_USER, group="users",
    ),
    Operation(
        "GET", "/api/users/{user}/bindings", "listBindingsOfUser", "Where a user is registered.",
        told(bindings.bindings_of), (_USER,),
        answer="Bindings", problems=_NO_USER, group="bindings",
    ),
    Operation(
        "POST", "/api/users/{user}/kick", "kickUser",
        "End all bindings of a user, and close the connections that are for nobody else, at whatever server "
        "of those that share a store. Its phones may come back.",
        told(bindings.kick_user), (_USER, _REASON),
        answer="Kicked", problems=_NO_NAME, group="bindings",
    ),
    Operation(
        "GET", "/api/users/{user}/rules", "getRules", "Where calls go that no phone of a user took.",
        told(users.get_rules), (_USER,),
        answer="Rules", problems=_NO_USER, group="rules",
    ),
    Operation(
        "PUT", "/api/users/{user}/rules", "setRules",
        "Set all of them: what is left out, or null, is what the configuration says ({}: back to that); an empty "
        "target is nowhere.",
        told(users.put_rules), (_USER,),
        body="NewRules", answer="Rules", problems=_NO_USER, group="rules",
    ),
    Operation(
        "GET", "/api/bindings", "listBindings",
        "All bindings, of an edge those of its core that came by it. What comes and goes between two pages may be "
        "missed or told twice.",
        told(bindings.list_bindings), (_LIMIT, _PLACE),
        answer="Bindings", group="bindings",
    ),
    Operation(
        "GET", "/api/flows", "listFlows", "All connections, the oldest first. UDP has none.",
        told(bindings.list_flows), (_LIMIT, _PLACE),
        answer="Flows", group="flows",
    ),
    Operation(
        "GET", "/api/flows/{flow}", "getFlow", "One connection.", told(bindings.get_flow), (_FLOW,),
        answer="Flow", problems=_NO_FLOW, group="flows",
    ),
    Operation(
        "DELETE", "/api/flows/{flow}", "kickFlow", "Close a connection; its bindings end with it.",
        told(bindings.kick_flow), (_FLOW, _REASON), status=204, problems=_NO_FLOW, group="flows",
    ),
    Operation(
        "GET", "/health", "getHealth",
        'Whether the server takes new work: 503 while it ends. While its store is away it is "degraded", with 200: '
        "calls go on, and whoever registers has to wait.",
        answer="Health", failing=503, open=True,
    ),
    Operation(
        "GET", "/metrics", "getMetrics", "Numbers for Prometheus.", answer="Text", media="text/plain",
    ),
    Operation("GET", "/openapi.json", "getDocument", "This document.", get_document, answer="Document"),
)  # fmt: skip


def openapi() -> dict[str, Any]:
    """The document of this API."""
    return document(TABLE, SCHEMAS, TITLE, __version__, ABOUT)
