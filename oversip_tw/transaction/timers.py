"""The timers of RFC 3261 Table 4 and RFC 6026, by their letters, in seconds."""

from __future__ import annotations

from attrs import Factory, field, frozen


def _64_t1(timers: Timers) -> float:
    return 64 * timers.t1


@frozen(slots=True, kw_only=True)
class Timers:
    """How long transactions wait. What is not given follows from T1, T2 and T4 as the RFC has it.

    A, E and G begin with T1; E and G grow up to T2. Over reliable transports A, D, E, G, I, J and K do not run.
    """

    #: estimate of the round-trip time (§17.1.1.1)
    t1: float = 0.5
    #: the longest interval between retransmissions of a non-INVITE request or an INVITE's response
    t2: float = 4.0
    #: how long a message stays in the network
    t4: float = 5.0
    #: INVITE client: no response at all
    b: float = field(default=Factory(_64_t1, takes_self=True))
    #: INVITE client: absorbs repeated final responses; at least 32 s over UDP
    d: float = 32.0
    #: non-INVITE client: no final response
    f: float = field(default=Factory(_64_t1, takes_self=True))
    #: INVITE server: no ACK
    h: float = field(default=Factory(_64_t1, takes_self=True))
    #: INVITE server: absorbs repeated ACKs
    i: float = field(default=Factory(lambda timers: timers.t4, takes_self=True))
    #: non-INVITE server: absorbs repeated requests
    j: float = field(default=Factory(_64_t1, takes_self=True))
    #: non-INVITE client: absorbs repeated responses
    k: float = field(default=Factory(lambda timers: timers.t4, takes_self=True))
    #: INVITE server: absorbs repeated INVITEs after a 2xx (RFC 6026 §8.11)
    l: float = field(default=Factory(_64_t1, takes_self=True))  # noqa: E741 - its letter
    #: INVITE client: passes further 2xx on (RFC 6026 §8.11)
    m: float = field(default=Factory(_64_t1, takes_self=True))
    #: when a client's Timer E reaches T2: from then on, and no sooner, a non-INVITE request is answered 100
    #: (RFC 4320 §4.1)
    trying: float = field(init=False)

    @trying.default
    def _until_t2(self) -> float:
        passed, interval = 0.0, self.t1
        while interval < self.t2:
            passed += interval
            interval *= 2
        return passed
