"""Other servers: whom we trust and where foreign requests go."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.errors import Wrong
from oversip_tw.config.listen import Transport
from oversip_tw.config.values import Choice, Domain, Name, Network, Octets, Port, ReadableFile, Seconds, SipUri, Span

HopTransport = Annotated[str, Choice(("udp", "tcp", "tls"))]
Family = Annotated[str, Choice(("ipv4", "ipv6"))]
Role = Annotated[str, Choice(("core", "trunk", "node", "edge", "proxy"))]


@frozen
class Trusted:
    """A peer that is not asked for credentials, known by its address, by its certificate, or by both.

    WebSockets match only where ws or wss is named. What each role may do: docs/reference/roles.md.
    """

    role: Role = field(
        metadata=about(
            '"core", "trunk" and "node" may call our users; "edge" is an edge of ours, whose clients we challenge '
            'ourselves; "proxy" only tells us the addresses of its clients.',
            "trunk",
        )
    )
    network: Network | None = field(
        default=None, metadata=about("Its address or network. Default: anywhere, with `certificate`.", "192.0.2.10")
    )
    certificate: Domain | None = field(
        default=None,
        metadata=about(
            "The SIP domain that its TLS certificate has to prove (RFC 5922): on a listener with `client_certificate` "
            "and `authorities`, and where we dial it.",
            "sip.provider.example",
        ),
    )
    port: Port | None = field(default=None, metadata=about("Only from this UDP source port. Default: any.", 5060))
    transports: tuple[Transport, ...] = field(
        default=(), metadata=about("Only over these. Default: udp, tcp and tls.", ["tls"])
    )

    def __attrs_post_init__(self) -> None:
        if self.network is None and self.certificate is None:
            raise Wrong("needs network or certificate")
        if self.certificate is None:
            return
        if self.role == "proxy":
            raise Wrong('role "proxy" is known by its network alone: it is believed before TLS begins')
        if not set(self.transports) <= {"tls", "wss"}:
            raise Wrong("a certificate is shown over tls and wss alone")


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
    """How a next hop is found and how long it is waited for; a `[[route]]`, `[edge]` or your own code names one.

    The one named "default" is for all other next hops, "users" for the phones that are connected to us, "in_dialog" for
    requests within a call to a next hop that no configured one is. Where these are not written "default" holds. No
    profile takes options of another: what it does not say is as in this table.
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
    dns: bool = field(default=True, metadata=about("Look names up; `false`: only IP addresses are dialled."))
    own_order: bool = field(
        default=False,
        metadata=about("Try what NAPTR records offer in the order of `transports`, not in that of the records."),
    )
    timer_b: Seconds = field(default=32.0, metadata=about("Timer B: how long an INVITE waits for any answer."))
    timer_c: Seconds | None = field(
        default=None,
        metadata=about("Timer C: how long an INVITE may ring. Default: `timers.timer_c`.", 181),
    )
    timer_f: Seconds = field(default=32.0, metadata=about("Timer F: how long other requests wait for an answer."))
    failover: Seconds = field(
        default=4.0,
        metadata=about("How long one target, or one flow of a phone, may stay silent while another one is at hand."),
    )
    failover_on_503: bool = field(default=True, metadata=about("A 503 of one target makes the next one be tried."))
    down_for: Span = field(
        default=30.0,
        metadata=about(
            "How long a target that was found dead is passed over: it refused the connection, or did not answer even "
            "an OPTIONS of ours. 0: it is tried every time."
        ),
    )
    record_route: Annotated[str, Choice(("dialogs", "all", "none"))] = field(
        default="dialogs",
        metadata=about(
            'Which requests get our Record-Route: "dialogs" those that open one, "all" of them, "none". Without it '
            "browsers and phones behind a NAT are not found again."
        ),
    )
    verify: bool = field(
        default=True,
        metadata=about(
            "TLS: the next hop's certificate has to prove its domain (RFC 5922); `false`: any certificate will do."
        ),
    )
    authorities: ReadableFile | None = field(
        default=None,
        metadata=about(
            "TLS: PEM file of authorities to trust besides the system's. SIGHUP reads it again, as the two below.",
            "trunk-ca.pem",
        ),
    )
    certificate: ReadableFile | None = field(
        default=None,
        metadata=about("TLS: PEM file with the certificate, and its chain, that we show when asked.", "client.pem"),
    )
    key: ReadableFile | None = field(default=None, metadata=about("TLS: its private key.", "client.key"))

    def __attrs_post_init__(self) -> None:
        if not (self.transports and self.families):
            raise Wrong("transports and families must name at least one each")
        if (self.certificate is None) != (self.key is None):
            raise Wrong("certificate and key go together")
