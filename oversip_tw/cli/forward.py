"""``oversip user forward``: where a user's calls go that no phone took. A running server takes it over by itself."""

from __future__ import annotations

from dataclasses import replace

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.stores import rulebook
from oversip_tw.cli.users import split
from oversip_tw.config import Config
from oversip_tw.proxy.user_rules import LEAST_RING_TIMEOUT, MOST_RING_TIMEOUT, NONE, Rules, UserRules, target_uri
from oversip_tw.service.settings import routing
from oversip_tw.service.user_rules import configured, wrong_target
from oversip_tw.sip.accounts import aor_of
from oversip_tw.store.passwords import is_name


def forward(settings: Config, user: str, targets: dict[str, str], ring_timeout: float | None, reset: bool) -> int:
    """Set what is given, after forgetting all that was set if ``reset``; without anything, show what holds.

    ``targets``: by the name of the rule.
    """
    name, domain = split(settings, user)
    if not is_name(name):
        raise Failure(f"no name of a user: {name!r}@{domain!r}")
    aor = aor_of(name, domain)
    given: dict[str, str | float] = {rule: _checked(settings, target, domain, aor) for rule, target in targets.items()}
    if ring_timeout is not None:
        given["ring_timeout"] = _seconds(ring_timeout)
    with rulebook(settings) as book:
        if settings.users.kind == "store" and not book.is_user(name, domain):
            raise Failure(f"there is no user {name}@{domain} (all users: oversip user list)")
        rules = book.of(aor)
        if reset or given:
            rules = replace(NONE if reset else rules, **given)  # type: ignore[arg-type]  # names and types are checked
            book.set(aor, rules)
    _show(settings, aor, rules)
    return 0


def _checked(settings: Config, target: str, domain: str, aor: str) -> str:
    try:
        uri = target_uri(target, domain)
    except ValueError as error:
        raise Failure(str(error)) from None
    wrong = wrong_target(routing(settings), settings.aliases, uri, aor) if uri else ""
    if wrong:
        raise Failure(f"{target}: {wrong}")
    return uri


def _seconds(seconds: float) -> float:
    if not LEAST_RING_TIMEOUT <= seconds <= MOST_RING_TIMEOUT:
        raise Failure(f"a ring timeout is {LEAST_RING_TIMEOUT} to {MOST_RING_TIMEOUT} seconds")
    return seconds


def _show(settings: Config, aor: str, stored: Rules) -> None:
    """All that holds for the user, with what the configuration says."""
    known = UserRules()
    known.configure(*configured(settings))
    known.store(aor, stored)
    rules = known.of(aor)
    for name in ("forward_busy", "forward_no_answer", "forward_unregistered"):
        print(f"{name}\t{getattr(rules, name) or '-'}")
    print(f"ring_timeout\t{f'{rules.patience:g}' if rules.patience else '-'}")
