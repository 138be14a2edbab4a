"""The rows of the table, as data: what is asked of each server, and what has to come out."""

from __future__ import annotations

from dataclasses import dataclass

#: the servers that are measured, in the order of their turns
OURS, KAMAILIO, FLOOR = "ours", "kamailio", "floor"
#: a rate of its own for each server, or one for both: half of what the saturated call row found
HALF_OF_OWN, HALF_OF_LEAST = "half of its own", "half of the smaller"
#: the row that says what those are halves of
CAPACITY = "call-udp"
#: messages in and out in a call, in echoes: what a call costs that is nothing but system calls
ECHOES = 6.5


@dataclass(frozen=True)
class Bound:
    """What may be shipped on the way, and what we are after. None: nothing is asked."""

    must: float | None = None
    goal: float | None = None
    #: "ratio" of ours to Kamailio's, or "own": ours alone, in the unit of the row
    of: str = "ratio"


@dataclass(frozen=True)
class Workload:
    """One row."""

    name: str
    title: str
    #: the workload of sipload, or "sipp"
    kind: str
    bound: Bound = Bound()
    #: "cpu": microseconds of the server per unit; "memory": kB per connection; "p50", "p99": latency in microseconds;
    #: "core": per cent of a core
    measure: str = "cpu"
    transport: str = "udp"
    #: units a second; 0: as fast as it goes, ``outstanding`` at a time
    rate: float = 0
    #: instead of ``rate``
    rate_of: str = ""
    clients: int = 200
    outstanding: int = 64
    digest: bool = False
    #: octets of the session descriptions of calls; 0: as many as a desk phone's
    sdp: int = 0
    #: the bindings of ours: in memory as Kamailio's are, or on disk
    store: str = "memory"
    #: the server is an edge, with a core behind it
    edge: bool = False
    subjects: tuple[str, ...] = (OURS, KAMAILIO, FLOOR)
    #: echoes that stand for a unit in the row of the floor
    echoes: float = 1
    #: transactions linger: the warm-up lasts until as many end as begin
    transactions: bool = False
    #: what to know about it
    note: str = ""

    @property
    def saturated(self) -> bool:
        return not self.rate and not self.rate_of and self.kind not in ("idle", "sipp")


_BOTH = (OURS, KAMAILIO)
_SIPP = "the same call by sipp, which checks what it hears by its own rules"
_OVERSIP = "OverSIP 2.0.4 (Ruby), measured elsewhere: "

WORKLOADS = (
    Workload(
        "call-udp", "UDP call, saturated", "call", Bound(1.5, 1.0), clients=400, echoes=ECHOES, transactions=True
    ),
    Workload(
        "call-udp-1000", "UDP call, 1,000/s", "call", Bound(2.5, 1.4), rate=1000, clients=400, echoes=ECHOES,
        transactions=True,
    ),
    Workload("register-udp", "REGISTER, UDP, no auth, saturated", "register", Bound(3, 2), transactions=True),
    Workload(
        "register-udp-5000", "REGISTER, UDP, no auth, 5,000/s", "register", Bound(3, 2), rate=5000, transactions=True
    ),
    Workload(
        "digest-udp", "REGISTER, UDP, digest, saturated", "register", Bound(4, 2.5), digest=True, transactions=True
    ),
    Workload(
        "digest-udp-sqlite", "the same, our bindings on disk", "register", digest=True, store="sqlite",
        transactions=True, subjects=_BOTH, note="each binding is on the disk before its 200; Kamailio's stay in memory",
    ),
    Workload("options-udp", "OPTIONS answered, UDP, saturated", "options", Bound(3, 2)),
    Workload("register-ws", "REGISTER, WS, saturated", "register", Bound(4, 2.5), transport="ws", outstanding=32),
    Workload("register-ws-3000", "REGISTER, WS, 3,000/s", "register", Bound(2.5, 1.6), transport="ws", rate=3000),
    Workload("register-wss-3000", "REGISTER, WSS, 3,000/s", "register", Bound(3.5, 2.3), transport="wss", rate=3000),
    Workload(
        "call-wss", "call browser to browser, WSS, 300/s", "call", Bound(3.5, 2.5), transport="wss", rate=300,
        digest=True, sdp=2000, echoes=ECHOES, transactions=True,
        note="both sides registered with digest, the INVITE has it too, session descriptions of 2,000 octets",
    ),
    Workload(
        "idle-ws", "idle WS connection, registered", "idle", Bound(0.25, 0.15), "memory", "ws", clients=2000,
        digest=True, subjects=_BOTH,
    ),
    Workload(
        "idle-wss", "idle WSS connection, registered", "idle", Bound(0.5, 0.35), "memory", "wss", clients=2000,
        digest=True, subjects=_BOTH,
    ),
    Workload(
        "latency-own", "p99 of a UDP call at half of its own capacity", "call", Bound(1.5, 1.0), "p99",
        rate_of=HALF_OF_OWN, clients=400, subjects=_BOTH, transactions=True,
    ),
    Workload(
        "latency-same", "p99 of a UDP call at half of the smaller capacity", "call", Bound(1.5, 1.0), "p99",
        rate_of=HALF_OF_LEAST, clients=400, subjects=_BOTH, transactions=True,
    ),
    Workload(
        "pings", "10,000 registered WS clients with pings", "idle", Bound(5, 5, "own"), "core", "ws", clients=10_000,
        digest=True, subjects=_BOTH, note="a ping every 25 s from the server, as ours sends by default; none dropped",
    ),
    Workload(
        "edge-options", "OPTIONS answered by an edge, UDP, saturated", "options", Bound(None, 10.5, "own"), edge=True,
        subjects=_BOTH, note=_OVERSIP + "105-128 µs",
    ),
    Workload(
        "edge-register", "REGISTER through an edge to its core, UDP, saturated", "register", Bound(None, 50.7, "own"),
        edge=True, subjects=_BOTH, transactions=True, note=_OVERSIP + "355-400 µs",
    ),
    Workload("sipp", "UDP call of sipp, 200/s", "sipp", rate=200, subjects=_BOTH, note=_SIPP),
)  # fmt: skip


def chosen(names: list[str]) -> list[Workload]:
    """Those rows, in the order of the table; none named: all. Raises ValueError for a name that is none."""
    unknown = set(names) - {row.name for row in WORKLOADS}
    if unknown:
        raise ValueError(f"no row {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in WORKLOADS)}")
    wanted = set(names) or {row.name for row in WORKLOADS}
    # halves of a capacity need the row that finds it
    if any(row.rate_of for row in WORKLOADS if row.name in wanted):
        wanted.add(CAPACITY)
    return [row for row in WORKLOADS if row.name in wanted]
