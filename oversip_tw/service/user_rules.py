"""The rules of users: from the configuration to what the proxy knows, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from oversip_tw.config import Config, Mistake
from oversip_tw.config.user_rules import UserRules
from oversip_tw.proxy import settings as proxy
from oversip_tw.proxy.user_rules import Rules, target_uri
from oversip_tw.service import settings
from oversip_tw.sip.uri import Uri

#: the name that stands for all users of a domain
EVERYBODY = "*"


def configured(config: Config) -> tuple[Mapping[str, Rules], Mapping[str, Rules]]:
    """The rules of users by AoR, and of domains."""
    users, domains = {}, {}
    for each in config.user_rules:
        domain = _uri_of(config, each).host
        rules = Rules(
            _uri(each.forward_busy, domain),
            _uri(each.forward_no_answer, domain),
            _uri(each.forward_unregistered, domain),
            each.ring_timeout,
        )
        aor = _uri_of(config, each).aor
        if aor == f"sip:{EVERYBODY}@{domain}":
            domains[domain] = rules
        else:
            users[aor] = rules
    return users, domains


def rule_mistakes(config: Config) -> list[Mistake]:
    """Rules for nobody, and targets that no call can reach."""
    if config.user_rules and config.edge is not None:
        return [Mistake("user_rules", "this is an edge: the calls of its users are forwarded by its core")]
    found: list[Mistake] = []
    seen: set[str] = set()
    routing = settings.routing(config)
    for number, each in enumerate(config.user_rules, 1):
        path = f"user_rules[{number}]"
        uri = _uri_of(config, each)
        domain = uri.host
        if domain not in config.domains:
            found.append(Mistake(path, f"{domain} is not one of our domains: {', '.join(config.domains)}"))
            continue
        if uri.aor in seen:
            found.append(Mistake(path, f"there are two for {uri.aor.removeprefix('sip:')}"))
        seen.add(uri.aor)
        for name in ("forward_busy", "forward_no_answer", "forward_unregistered"):
            target = getattr(each, name)
            wrong = target and wrong_target(routing, config.aliases, target_uri(target, domain), uri.aor)
            if wrong:
                found.append(Mistake(f"{path}.{name}", wrong))
    return found


def wrong_target(known: proxy.Settings, aliases: Collection[str], target: str, aor: str) -> str:
    """Why calls for ``aor`` cannot go to ``target``, as `target_uri` made it; "": they can."""
    uri = Uri.parse(target)
    if uri.aor == aor:
        return "leads back to the same user"
    reached = {*known.domains, *aliases, *(domain for hop in known.next_hops for domain in hop.domains)}
    if uri.host in reached or "*" in reached or known.outbound == "open":
        return ""
    return f'{uri.host} is a foreign domain: it needs a [[route]], or auth.outbound = "open"'


def _uri(target: str | None, domain: str) -> str | None:
    return None if target is None else target_uri(target, domain)


def _uri_of(config: Config, rules: UserRules) -> Uri:
    return Uri.parse(target_uri(rules.user, config.domains[0]))
