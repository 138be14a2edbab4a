"""Bindings and the connections that they are reached by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

from oversip_tw.interfaces import Flow
from oversip_tw.outbound import flow_id
from oversip_tw.registrar.binding import Binding
from oversip_tw.service.api.context import Context
from oversip_tw.service.api.users import existing
from oversip_tw.service.kicked import KICKED
from oversip_tw.sip.uri import Uri
from oversip_tw.web.api import Call, Problem, Reply

T = TypeVar("T")


async def list_bindings(context: Context, call: Call) -> Reply:
    found, more = _page(context.parts.location.all(), call)
    return Reply(200, {"bindings": [_binding(context, each) for each in found], "next": more})


async def bindings_of(context: Context, call: Call) -> Reply:
    named = await existing(context, call)
    found = context.parts.location.bindings_now(named.aor)
    return Reply(200, {"bindings": [_binding(context, each) for each in found], "next": None})


async def kick_user(context: Context, call: Call) -> Reply:
    """End all bindings of a user, and close the connections that are for nobody else."""
    named = context.named(call.parameters["user"])
    removed, closed = await context.kick(named.aor, call.parameters["reason"])
    return Reply(200, {"removed": removed, "closed": closed})


async def list_flows(context: Context, call: Call) -> Reply:
    found, more = _page(context.parts.flows.all(), call)
    return Reply(200, {"flows": [_flow(context, each) for each in found], "next": more})


async def get_flow(context: Context, call: Call) -> Reply:
    return Reply(200, _flow(context, _named(context, call)))


async def kick_flow(context: Context, call: Call) -> Reply:
    _named(context, call).close(KICKED, call.parameters["reason"])
    return Reply(204)


def _named(context: Context, call: Call) -> Flow:
    id = bytes.fromhex(call.parameters["flow"])
    flow = context.parts.flows.find(id) if flow_id.is_stream(id) else None
    if flow is None:
        raise Problem(404, "there is no such connection")
    return flow


def _page(found: Iterable[T], call: Call) -> tuple[Sequence[T], str | None]:
    """A page of what has no order of its own: by the place in the line, in which who comes later stands behind."""
    limit, after = call.parameters["limit"], call.parameters["after"]
    begin = int(after or 0)
    page = list(islice(found, begin, begin + limit + 1))
    return page[:limit], str(begin + limit) if len(page) > limit else None


def _binding(context: Context, binding: Binding) -> dict[str, Any]:
    now = context.parts.element.core.wheel.now()
    flow = context.parts.flows.find(binding.flow_id)
    return {
        "aor": _text(binding.aor),
        "contact": _text(_without_password(binding.target).text),
        "expires_in": max(0, round(binding.expires_at - now)),
        "q": binding.q,
        "instance": _maybe(binding.instance),
        "reg_id": binding.reg_id,
        "user_agent": _text(binding.user_agent),
        "path": [_text(each) for each in binding.path],
        "node": binding.node,
        "flow": binding.flow_id.hex() if flow_id.is_stream(binding.flow_id) else None,
        "transport": None if flow is None else flow.transport,
        "peer": None if flow is None else _place(flow.peer),
        "lost": binding.lost,
    }


def _flow(context: Context, flow: Flow) -> dict[str, Any]:
    return {
        "id": flow.id.hex(),
        "transport": flow.transport,
        "peer": _place(flow.peer),
        "local": _place(flow.local),
        "accepted": flow.accepted,
        "secure": flow.secure,
        "identity": _maybe(flow.identity),
        "aors": sorted({_text(binding.aor) for binding in context.parts.location.by_flow(flow.id)}),
    }


def _place(address: tuple[str, int]) -> dict[str, Any]:
    return {"address": address[0], "port": address[1]}


def _without_password(uri: Uri) -> Uri:
    return uri if uri.password is None else uri.replace(password=None)


def _text(text: str) -> str:
    """What phones write need not be UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _maybe(text: str | None) -> str | None:
    return None if text is None else _text(text)
