"""``oversip kick``: ends a user's bindings and connections, by the API of the server that runs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from ipaddress import ip_address
from urllib.parse import quote

from oversip_tw.cli.failure import Failure
from oversip_tw.cli.users import split
from oversip_tw.config import Config
from oversip_tw.service.admin_token import NoToken, tokens_of
from oversip_tw.sip.uri import host_port

#: seconds to wait for the server
_PATIENCE = 15.0


def kick(settings: Config, user: str, reason: str | None) -> int:
    """Let the server end all that is registered for ``user``. Raises Failure."""
    name, domain = split(settings, user)
    query = "" if reason is None else f"?reason={quote(reason)}"
    answer = _post(settings, f"/api/users/{quote(f'{name}@{domain}', safe='')}/kick{query}")
    print(f"ended {answer['removed']} bindings of {name}@{domain}, closed {answer['closed']} connections")
    return 0


def _post(settings: Config, path: str) -> dict[str, int]:
    request = urllib.request.Request(_url(settings) + path, method="POST")
    try:
        tokens = tokens_of(settings)
    except NoToken as error:
        raise Failure(str(error)) from None
    if tokens:
        request.add_header("Authorization", f"Bearer {tokens[0]}")
    # No proxy of the environment: the port is one of this machine's, or of this network's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            found: dict[str, int] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        raise Failure(_said(error)) from None
    except OSError as error:
        raise Failure(f"no server answers at {_url(settings)}: {getattr(error, 'reason', error)}") from None


def _url(settings: Config) -> str:
    admin = settings.admin
    if not admin.port:
        raise Failure("the running server is asked, by the port that [admin] port names: there is none")
    address = ip_address(admin.address)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://{host_port(str(address), admin.port)}"


def _said(error: urllib.error.HTTPError) -> str:
    """What the problem details say."""
    try:
        problem = json.loads(error.read())
        details = [each["detail"] for each in problem.get("errors", ())]
        return ": ".join([str(problem.get("detail") or problem["title"]), *details])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the server answered {error.code}"
