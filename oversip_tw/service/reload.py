"""Reading the configuration again while the server runs (SIGHUP): all of what can change changes, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

import attrs

from oversip_tw.config import Config, ConfigError
from oversip_tw.promise import spawn
from oversip_tw.service import settings
from oversip_tw.service.admin_token import NoToken, admitted, token_mistakes
from oversip_tw.service.build import Parts, make_hooks
from oversip_tw.service.hooks import HooksError, initialise, modules_anew
from oversip_tw.service.proofs import mistakes as proof_mistakes
from oversip_tw.service.proofs import turn_secret
from oversip_tw.service.tls_files import certificate_mistakes, client_tls
from oversip_tw.service.user_rules import configured, rule_mistakes
from oversip_tw.transport.tls import CertificateError

#: what is taken over from a new file; everything else waits for the next start
TAKEN_OVER = ("hooks", "edge", "trusted", "route", "profile", "user_rules", "admin")

Reread = Callable[[], Config]


class Refused(Exception):
    """The new set is wrong and the old one stays; ``lines`` say why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def fresh_config(old: Config, reread: Reread | None) -> tuple[Config, list[str]]:
    """The configuration from now on, and the sections whose change waits for the next start. Raises Refused."""
    if reread is None:
        return old, []
    try:
        new = reread()
    except ConfigError as error:
        raise Refused(error.lines()) from None
    taken = {name: getattr(new, name) for name in TAKEN_OVER}
    if (old.edge is None) != (new.edge is None):
        taken["edge"] = old.edge
    if (old.admin.address, old.admin.port) != (new.admin.address, new.admin.port):
        taken["admin"] = old.admin  # who may use the port depends on where it is
    waiting = [
        option.name
        for option in attrs.fields(Config)
        if option.name not in TAKEN_OVER and getattr(old, option.name) != getattr(new, option.name)
    ]
    waiting += [name for name in ("edge", "admin") if taken[name] is not getattr(new, name)]
    return attrs.evolve(old, **taken), waiting


def reload(parts: Parts, old: Config, reread: Reread | None) -> tuple[Config, list[str]]:
    """Work by the file as it is now: as `fresh_config`. Raises Refused, and then nothing has changed."""
    config, waiting = fresh_config(old, reread)
    wrong = [*certificate_mistakes(config), *proof_mistakes(config), *rule_mistakes(config)]
    wrong += token_mistakes(config)
    if wrong:
        raise Refused([str(mistake) for mistake in wrong])
    element = parts.element
    former = hooks = element.hooking.hooks
    try:
        with modules_anew():
            # Where no file names any, a program around us may have brought its own.
            if old.hooks is not None or config.hooks is not None:
                hooks = make_hooks(config)
                hooks.core = element.core
                hooks.edge = None if element.logic is None else element.logic.edge
                initialise(hooks)
            towards = client_tls(config)
            admitting = admitted(config)
            parts.listeners.reload()
    except (HooksError, CertificateError, NoToken) as error:
        raise Refused([str(error)]) from None
    parts.connector.use_tls(towards)
    element.core.use(settings.routing(config))
    element.core.rules.configure(*configured(config))
    parts.trust.rewrite(settings.trusted(config))
    element.authenticator.rotate(os.urandom(32))
    parts.proving.reread(config)
    parts.guard.use(*admitting)
    if parts.turn is not None:
        parts.turn.use(turn_secret(config))
    edge = settings.edge(config)
    if element.logic is not None and element.watch is not None and edge is not None:
        element.logic.edge.use(edge)
        element.watch.again()
    if hooks is not former:
        element.use_hooks(hooks)
        element.hooking.tell(former.on_stop)
        element.hooking.tell(lambda: hooks.on_start(element.core))
    spawn(parts.stores.refresh_users(), element.core.unexpected)
    return config, waiting
