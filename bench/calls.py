"""Calls of sipp over UDP: a phone that is registered, and a trusted caller at an address of its own."""

from __future__ import annotations

import time

from tests.system.processes import Child, Folder, free_port, program

from .clients import Account, Client
from .cost import Cost
from .load import Result
from .wires import Loop, UdpWire

CALLER = "127.0.0.4"

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


def sipp_calls(session: int, account: Account, port: int, phone: int, rate: float, seconds: float) -> Result:
    """INVITE, 180, 200, ACK, BYE at that rate, from a trusted sipp to a sipp registered over UDP.

    ``port`` is the server's, ``phone`` the port of the one that is called: always the same, so that it has one binding.
    """
    folder = Folder("sipp")
    scenario = folder.write("caller.xml", _CALLER.replace("{domain}", account.domain))
    _register(account, port, phone)
    sipp, total = program("sipp"), int(rate * seconds)
    answering = folder.write("called.xml", _CALLED)
    command = [sipp, "-sf", str(answering), "-i", "127.0.0.1", "-p", str(phone), "-nostdin"]
    called = Child("called", command, folder, {"TERM": "dumb"})
    time.sleep(0.5)
    before, began = Cost.of(session), time.monotonic()
    caller = Child(
        "caller",
        [
            *(sipp, f"127.0.0.1:{port}", "-sf", str(scenario), "-s", account.name, "-i", CALLER),
            *("-p", str(free_port(CALLER)), "-r", str(int(rate)), "-m", str(total), "-l", "5000", "-nostdin"),
            *("-timeout", f"{int(seconds) + 30}s", "-trace_stat", "-fd", "1", "-stf", str(folder.path / "caller.csv")),
        ],
        folder,
        {"TERM": "dumb"},
    )
    caller.wait(seconds + 60)
    lasted = time.monotonic() - began
    cost = Cost.of(session) - before
    called.stop(1)
    rows = [line.split(";") for line in (folder.path / "caller.csv").read_text().splitlines()]
    last = dict(zip(rows[0], rows[-1], strict=False))
    done, failed = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
    return Result(done, failed, lasted, cost)


def _register(account: Account, port: int, phone: int) -> None:
    """Register that account from that UDP port; it is free again afterwards."""
    wire, loop = UdpWire(("127.0.0.1", port), phone), Loop()
    loop.add(wire)
    heard: list[int] = []
    Client(account, wire).register(heard.append)
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        loop.turn(0.1)
    loop.close()
    if heard != [200]:
        raise SystemExit(f"the called phone could not register: {heard}")
