"""Users, and the rules for their calls."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from oversip_tw.proxy.user_rules import Rules, target_uri
from oversip_tw.service.api.context import Context, Named
from oversip_tw.service.user_rules import wrong_target
from oversip_tw.store.passwords import UnknownUser
from oversip_tw.web.api import Call, Problem, Reply

TARGETS = ("forward_busy", "forward_no_answer", "forward_unregistered")


async def list_users(context: Context, call: Call) -> Reply:
    limit, after = call.parameters["limit"], call.parameters["after"]
    last = None if after is None else context.named(after)
    found = await context.accounts.after(None if last is None else (last.name, last.domain), limit + 1)
    users = [Named(*each).user for each in found]
    return Reply(200, {"users": [{"user": user} for user in users[:limit]], "next": next_after(users, limit)})


async def add_user(context: Context, call: Call) -> Reply:
    named = context.named(call.body["user"])
    most = context.parts.config.max_users_of(named.domain)
    if most and not await context.accounts.has(named.name, named.domain):
        found = await context.accounts.after(("", named.domain), most)
        if len([domain for _, domain in found if domain == named.domain]) >= most:
            raise Problem(409, f"{named.domain} has {most} users and may have no more (max_users)")
    await context.accounts.add(named.name, named.domain, call.body["password"])
    return Reply(201, _user(context, named), {"Location": f"/api/users/{quote(named.user, safe='@')}"})


async def get_user(context: Context, call: Call) -> Reply:
    named = await existing(context, call)
    return Reply(200, _user(context, named))


async def change_password(context: Context, call: Call) -> Reply:
    named = context.named(call.parameters["user"])
    await context.accounts.change(named.name, named.domain, call.body["password"])
    return Reply(204)


async def remove_user(context: Context, call: Call) -> Reply:
    named = context.named(call.parameters["user"])
    await context.accounts.remove(named.name, named.domain)
    await context.forget_rules(named.aor)
    await context.kick(named.aor, "there is no such user any more")
    return Reply(204)


async def get_rules(context: Context, call: Call) -> Reply:
    return Reply(200, _rules(context, (await existing(context, call)).aor))


async def put_rules(context: Context, call: Call) -> Reply:
    named = await existing(context, call)
    wrong: list[tuple[str, str]] = []
    targets: dict[str, str | None] = {}
    for name in TARGETS:
        try:
            targets[name] = _target(context, named, call.body.get(name))
        except ValueError as error:
            wrong.append((f"/{name}", str(error)))
    if wrong:
        raise Problem(422, "a call cannot go there", wrong)
    await context.set_rules(named.aor, Rules(**targets, ring_timeout=call.body.get("ring_timeout")))
    return Reply(200, _rules(context, named.aor))


async def existing(context: Context, call: Call) -> Named:
    """The user of the path. Raises UnknownUser, StoreFailed."""
    named = context.named(call.parameters["user"])
    if not await context.accounts.has(named.name, named.domain):
        raise UnknownUser(named.user)
    return named


def next_after(names: list[str], limit: int) -> str | None:
    """Where the next page begins, as one more than ``limit`` was asked for; None: there is no more."""
    return names[limit - 1] if len(names) > limit else None


def _user(context: Context, named: Named) -> dict[str, Any]:
    return {
        "user": named.user,
        "aor": named.aor,
        "bindings": len(context.parts.location.bindings_now(named.aor)),
    }


def _target(context: Context, named: Named, text: str | None) -> str | None:
    """Raises ValueError for what no call can go to."""
    if text is None:
        return None
    uri = target_uri(text, named.domain)
    parts = context.parts
    wrong = wrong_target(parts.element.core.settings, parts.config.aliases, uri, named.aor) if uri else ""
    if wrong:
        raise ValueError(wrong)
    return uri


def _rules(context: Context, aor: str) -> dict[str, Any]:
    known = context.parts.element.core.rules
    holds = known.of(aor)
    return {
        **_shown(known.stored(aor)),
        "effective": {**_shown(holds), "ring_timeout": holds.patience or None},
    }


def _shown(rules: Rules) -> dict[str, Any]:
    return {**{name: getattr(rules, name) for name in TARGETS}, "ring_timeout": rules.ring_timeout}
