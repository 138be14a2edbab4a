"""Other servers: whom we trust and where foreign requests go."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.listen import Transport
from oversip_tw.config.values import Choice, Domain, Name, Network, Octets, Port, Seconds, SipUri

HopTransport = Annotated[str, Choice(("udp", "tcp", "tls"))]
Family = Annotated[str, Choice(("ipv4", "ipv6"))]
Role = Annotated[str, Choice(("core", "trunk", "node", "edge", "proxy"))]


@frozen
class Trusted:
    """A peer that is not asked for credentials, known by its address.

    WebSockets match only where ws or wss is named.
    """

    network: Network = field(metadata=about("Its address or network.", "192.0.2.10"))
    role: Role = field(
        metadata=about(
            '"core", "trunk" and "node" may call our users; "edge" is an edge of ours, whose clients we challenge '
            'ourselves; "proxy" only tells us the addresses of its clients.',
            "trunk",
        )
    )
    port: Port | None = field(default=None, metadata=about("Only from this UDP source port. Default: any.", 5060))
    transports: tuple[Transport, ...] = field(
        default=(), metadata=about("Only over these. Default: udp, tcp and tls.", ["udp", "tcp"])
    )


@frozen
class Route:
    """Domains that somebody else serves: requests of our users and of trusted peers for them go there."""

    domains: tuple[Domain | Annotated[str, Choice(("*",))], ...] = field(
        metadata=about('The domains; "*" is every foreign one.', ["pbx.example.org"])
    )
    next_hop: SipUri = field(
        metadata=about(
            "Where their requests go; a host name is looked up by RFC 3263.", "sip:192.0.2.10:5060;transport=udp"
        )
    )
    profile: Name | None = field(
        default=None, metadata=about('The `[[profile]]` to use. Default: the one named "default".', "trunk")
    )

    def __attrs_post_init__(self) -> None:
        if not self.domains:
            raise Wrong("domains must name at least one")


@frozen
class Profile:
    """How a next hop is found and how long it is waited for; a `[[route]]` names one.

    The one named "default" is for all other next hops.
    """

    name: Name = field(metadata=about("What routes call it.", "trunk"))
    transports: tuple[HopTransport, ...] = field(
        default=("udp", "tcp", "tls"), metadata=about("The transports that may be used, the favoured one first.")
    )
    families: tuple[Family, ...] = field(
        default=("ipv4", "ipv6"), metadata=about("The address families that may be used, the favoured one first.")
    )
    naptr: bool = field(default=True, metadata=about("Look up NAPTR records."))
    srv: bool = field(default=True, metadata=about("Look up SRV records."))
    prefer_tcp: bool = field(default=False, metadata=about("Take TCP where UDP would do, if the next hop has it."))
    udp_max: Octets = field(
        default=1300,
        metadata=about("Longer requests take TCP where the transport is ours to choose (RFC 3261 §18.1.1); bytes."),
    )
    timer_b: Seconds = field(default=32.0, metadata=about("Timer B: how long an INVITE waits for any answer."))
    timer_f: Seconds = field(default=32.0, metadata=about("Timer F: how long other requests wait for an answer."))
    failover: Seconds = field(
        default=4.0, metadata=about("How long one target may stay silent while another one is at hand.")
    )
