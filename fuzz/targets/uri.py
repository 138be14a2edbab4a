"""URIs, addresses around them, and the look-up of their hosts (P15): parts make the whole again."""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.seeds import URIS
from fuzz.targets import must
from oversip_tw.promise import spawn
from oversip_tw.resolve.targets import Resolver
from oversip_tw.sip.address import NameAddr
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import Clock, FakeLookups

MOST = 8_192


def seeds() -> Sequence[bytes]:
    return [uri.encode() for uri in URIS]


def run(data: bytes) -> object:
    text = data.decode("utf-8", "surrogateescape")
    _address(text)
    try:
        uri = Uri.parse(text)
    except ParseError as error:
        return error.reason
    must(str(uri) == text, "another text")
    must(uri.equivalent(uri), "not equal to itself")
    if not uri.is_sip:
        return "not sip"
    rebuilt = uri.replace()
    must(rebuilt.equivalent(uri) and rebuilt.aor == uri.aor, "its parts make another URI")
    must(rebuilt.replace().text == rebuilt.text, "no fixed point")
    plain = Uri.parse(uri.aor)
    must((plain.aor, plain.host, plain.params) == (uri.aor, uri.host, ()), "the AoR is no AoR")
    _resolve(uri)
    return uri.scheme, uri.port is None, len(uri.params), bool(uri.headers)


def _address(text: str) -> None:
    try:
        address = NameAddr.parse(text)
    except ParseError:
        return
    must(str(address) == text, "another text")
    must(address.tag == next((value or "" for name, value in address.params if name == "tag"), None), "another tag")
    for name, _ in address.params:
        address.param(name)
    params = [(name, address.param(name)) for name, _ in address.params]
    try:
        built = NameAddr.build(address.uri, address.display_name, params)
    except ValueError:
        # escaped control characters are read, but never written
        return
    if '"' in text:
        must(built.display_name == address.display_name, "another display name")
    must(built.uri == address.uri, "another URI")


def _resolve(uri: Uri) -> None:
    """DNS that knows nothing is asked, or nobody is; either way there is an answer."""
    failed: list[BaseException] = []

    async def resolve() -> None:
        await Resolver(FakeLookups(), lambda: 0.5, Clock()).resolve(uri)

    spawn(resolve(), failed.append)
    for error in failed:
        if not isinstance(error, SIPError):
            raise error
