"""Errors that the network sends back for datagrams of ours: Linux's error queue (ip(7) IP_RECVERR).

Elsewhere nothing is learnt and the transaction's own timer has to notice.
"""

from __future__ import annotations

import socket
import struct
import sys

from oversip_tw.interfaces import Address

# From linux/in.h and linux/in6.h; Python 3.11 does not name them.
_IP_MTU_DISCOVER = 10
_IP_RECVERR = 11
_IPV6_MTU_DISCOVER = 23
_IPV6_RECVERR = 25
_PMTUDISC_DONT = 0
_ORIGIN_ICMP = 2
_ORIGIN_ICMP6 = 3

_LINUX = sys.platform == "linux"
#: struct sock_extended_err: errno, origin, type, code, padding, info, data
_EXTENDED = struct.Struct("=IBBBBII")
#: the control message holds that, then the address of who complained
_CONTROL_SIZE = 512
#: errors read at one go
_BURST = 64

# RFC 3261 §18.4: these say that sending failed; source quench, time exceeded and "too big" do not.
_ICMP_UNREACHABLE = 3
_ICMP_FRAGMENTATION_NEEDED = 4  # a code of the former
_ICMP_PARAMETER_PROBLEM = 12
_ICMP6_UNREACHABLE = 1
_ICMP6_PARAMETER_PROBLEM = 4


def prepare(sock: socket.socket) -> None:
    """Ask for errors, and let the kernel fragment what is longer than a link takes (no DF; rules for UDP flows)."""
    if not _LINUX:
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)


def unreachable_peers(sock: socket.socket) -> list[Address]:
    """Empty the error queue; to whom nothing could be delivered, each once."""
    peers: dict[Address, None] = {}
    if _LINUX:
        for _ in range(_BURST):
            try:
                _, control, _, address = sock.recvmsg(0, _CONTROL_SIZE, socket.MSG_ERRQUEUE)
            except OSError:
                break
            if any(_undeliverable(level, kind, value) for level, kind, value in control):
                peers[(address[0], address[1])] = None
    # What no queue holds still makes the socket look broken to the reactor until it is asked for.
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return list(peers)


def _undeliverable(level: int, kind: int, value: bytes) -> bool:
    if (level, kind) not in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
        return False
    if len(value) < _EXTENDED.size:
        return False
    _, origin, icmp_type, code, *_ = _EXTENDED.unpack_from(value)
    if origin == _ORIGIN_ICMP:
        if icmp_type == _ICMP_UNREACHABLE:
            return bool(code != _ICMP_FRAGMENTATION_NEEDED)
        return bool(icmp_type == _ICMP_PARAMETER_PROBLEM)
    return origin == _ORIGIN_ICMP6 and icmp_type in (_ICMP6_UNREACHABLE, _ICMP6_PARAMETER_PROBLEM)
