"""Calls of sipp over UDP: a phone that is registered, and a trusted caller at an address of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from tests.system.processes import Child, Folder, free_port, program

from .cost import Cost
from .machine import GENERATOR, on_core
from .runs import Run
from .subjects import DOMAIN, PREFIX, TRUSTED, Subject
from .workloads import Workload

_CALLER = """<?xml version="1.0"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:[service]@{domain} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@elsewhere.test>;tag=[pid]c[call_number]
To: <sip:[service]@{domain}>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 9 RTP/AVP 0
]]></send>
<recv response="100" optional="true"/>
<recv response="180"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:sipp@elsewhere.test>;tag=[pid]c[call_number]
To: <sip:[service]@{domain}>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:sipp@elsewhere.test>;tag=[pid]c[call_number]
To: <sip:[service]@{domain}>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""

_CALLED = """<?xml version="1.0"?>
<scenario name="called">
<recv request="INVITE"/>
<send><![CDATA[
SIP/2.0 180 Ringing
{copied}
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
{copied}
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 9 RTP/AVP 0
]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
""".replace(
    "{copied}",
    "[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:];tag=[pid]s[call_number]\n[last_Call-ID:]\n[last_CSeq:]",
)


def sipp_calls(name: str, start: Callable[[Workload], Subject], row: Workload, seconds: float) -> Run:
    """INVITE, 180, 200, ACK, BYE at the rate of ``row``, from a trusted sipp to a sipp registered over UDP."""
    subject = start(row)
    try:
        with on_core(GENERATOR):
            return _measured(name, subject, row.rate, seconds)
    except (AssertionError, OSError) as error:
        return Run(name, {}, f"sipp: {' '.join(str(error).split())[-300:]}")
    finally:
        subject.stop()


def _measured(name: str, subject: Subject, rate: float, seconds: float) -> Run:
    folder, server, phone = Folder("sipp"), subject.port("udp"), free_port()
    _register(server, phone)
    scenario = folder.write("caller.xml", _CALLER.replace("{domain}", DOMAIN))
    answering = folder.write("called.xml", _CALLED)
    sipp, total = program("sipp"), int(rate * seconds)
    terminal = {"TERM": "dumb"}
    command = [sipp, "-sf", str(answering), "-i", "127.0.0.1", "-p", str(phone), "-nostdin"]
    called = Child("called", command, folder, terminal)
    time.sleep(0.5)
    before, began = Cost.of(subject.session), time.monotonic()
    command = [
        *(sipp, f"127.0.0.1:{server}", "-sf", str(scenario), "-s", f"{PREFIX}0", "-i", TRUSTED),
        *("-p", str(free_port(TRUSTED)), "-r", str(int(rate)), "-m", str(total), "-l", "5000", "-nostdin"),
        *("-timeout", f"{int(seconds) + 30}s", "-trace_stat", "-fd", "1", "-stf", str(folder.path / "caller.csv")),
    ]
    caller = Child("caller", command, folder, terminal)
    caller.wait(seconds + 60)
    lasted = time.monotonic() - began
    cost = Cost.of(subject.session) - before
    called.kill()
    rows = [line.split(";") for line in (folder.path / "caller.csv").read_text().splitlines()]
    last = dict(zip(rows[0], rows[-1], strict=False))
    done, failed = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
    figures = {"done": float(done), "failed": float(failed), "cpu": cost.seconds * 1e6 / max(done, 1)}
    figures["rate"] = done / lasted
    return Run(name, figures, "" if done == total else f"{done} of {total} calls, {failed} failed")


def _register(server: int, phone: int) -> None:
    """Register the one who is called at that port, from where nobody is challenged. Raises AssertionError."""
    user = f"sip:{PREFIX}0@{DOMAIN}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((TRUSTED, 0))
        wire.settimeout(5)
        request = (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {TRUSTED}:{wire.getsockname()[1]};branch=z9hG4bKphone\r\n"
            f"Max-Forwards: 70\r\nFrom: <{user}>;tag=phone\r\nTo: <{user}>\r\nCall-ID: phone\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:{PREFIX}0@127.0.0.1:{phone}>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
        )
        wire.sendto(request.encode(), ("127.0.0.1", server))
        answer = wire.recv(65536)
    assert answer.startswith(b"SIP/2.0 200 "), answer
