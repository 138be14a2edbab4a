"""The server in front of a core: ``[edge]``."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.values import Amount, Choice, Name, Network, SipUri, Span, WholeSeconds


@frozen
class Edge:
    """This server stands in front of a SIP core (Kamailio, Asterisk, a provider) and has no users of its own.

    Browsers and phones behind NATs register through it at the core and are reached through it. With this section
    `domains` are names of the server itself.
    """

    core: tuple[SipUri, ...] = field(
        metadata=about("Where the core is; with several, the next one is tried when one fails.", "sip:pbx.example.net")
    )
    core_sources: tuple[Network, ...] = field(
        default=(),
        metadata=about(
            "Where the core sends from. Default: the addresses that `core` resolves to, on UDP with the core's port.",
            ["192.0.2.0/28"],
        ),
    )
    return_by: Annotated[str, Choice(("path", "param", "contact"))] = field(
        default="path",
        metadata=about(
            'How requests of the core find their phone: "path" by the Path of RFC 3327; "param" by a parameter of its '
            'Contact; "contact" by a Contact of our own, where the core has no Path and cannot route those of browsers.'
        )
        | {"key": "return"},
    )
    profile: Name | None = field(
        default=None,
        metadata=about('The `[[profile]]` of the core. Default: the one named "core", else "default".', "core"),
    )
    assert_identity: bool = field(
        default=True,
        metadata=about(
            "Tell the core with `P-Asserted-Identity` which of its users has registered on this connection."
        ),
    )
    client_expires: Amount = field(
        default=0,
        metadata=about(
            "Phones register every so many seconds here, and only every `core_expires` at the core; 0: each REGISTER "
            "goes to the core."
        ),
    )
    core_expires: WholeSeconds = field(default=3600, metadata=about("See `client_expires`."))
    probe: Span = field(
        default=30.0, metadata=about("How often the core is asked by OPTIONS whether it is alive; 0: never.")
    )
    max_forwards_cap: Amount = field(
        default=0, metadata=about("Max-Forwards leaves with this at most; 0: no such bound.")
    )

    def __attrs_post_init__(self) -> None:
        if not self.core:
            raise Wrong("core must name at least one")
        if self.client_expires and self.client_expires * 2 > self.core_expires:
            raise Wrong("core_expires must be at least twice client_expires")
