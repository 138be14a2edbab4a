"""Kamailio, as a peer of ours and as what we are measured beside."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .certificates import authority
from .processes import Child, Folder, free_port, program
from .server import User
from .sockets import answers_options

_MODULES = "kex corex tm tmx sl rr pv maxfwd textops siputils xlog ctl"

_HEAD = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children={children}
tcp_children={children}
auto_aliases=no
mlock_pages=no
dns_cache_init=no
tcp_accept_no_cl=yes
tcp_rd_buf_size=131072
tcp_connection_lifetime=3600
{listens}
{head}
{loads}
modparam("ctl", "binrpc", "unix:{folder}/ctl")
"""


class Kamailio:
    """One Kamailio with a script; ``listens`` are its listen= lines, the first of them UDP."""

    def __init__(
        self,
        script: str,
        listens: Sequence[str],
        modules: str = "",
        head: str = "",
        children: int = 1,
        shared: int = 512,
        private: int = 16,
    ) -> None:
        folder = Folder("kamailio")
        loads = "\n".join(f'loadmodule "{name}.so"' for name in f"{_MODULES} {modules}".split())
        lines = "\n".join(f"listen={each}" for each in listens)
        begin = _HEAD.format(children=children, listens=lines, head=head, loads=loads, folder=folder.path)
        path = folder.write("kamailio.cfg", begin + script)
        command = [program("kamailio"), "-DD", "-E", "-Y", str(folder.path), "-f", str(path), "-M", str(private)]
        # tlsf: the allocator kindest to it once many transactions linger
        self.child = Child("kamailio", [*command, "-m", str(shared), "-x", "tlsf", "-X", "tlsf"], folder)
        _, address, port = listens[0].split(":")
        answers_options(address, int(port), self.child)

    def stop(self) -> None:
        """End it."""
        self.child.stop()


_OPTIONS = """
    if (is_method("OPTIONS") && $rU == $null) {
        sl_send_reply("200", "OK");
        exit;
    }
"""

#: CANCEL and what is in a dialog
RELAYED = """
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route()) t_relay();
        else if (!is_method("ACK")) sl_send_reply("404", "Not here");
        else if (t_check_trans()) t_relay();
        exit;
    }
    t_check_trans();
"""

_PEER = """
request_route {
""" + _OPTIONS + """
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
""" + RELAYED + """
    if (is_method("INVITE|SUBSCRIBE|REFER")) record_route();
    if ($rd == "@DOMAIN@") $du = "sip:@OURS@";
    else $du = "sip:@BEHIND@";
    t_relay();
}
"""


class Peer(Kamailio):
    """A proxy beside ours: what is for ``domain`` goes to ``ours``, the rest to ``behind``.

    Both are "address:port", with ";transport=tcp" where that is meant.
    """

    def __init__(self, domain: str, ours: str, behind: str, address: str, port: int) -> None:
        script = _PEER.replace("@DOMAIN@", domain).replace("@OURS@", ours).replace("@BEHIND@", behind)
        super().__init__(script, [f"udp:{address}:{port}", f"tcp:{address}:{port}"], head=f"tcp_source_ipv4={address}")


_REGISTRAR = """
modparam("registrar", "method_filtering", 0)
modparam("registrar", "max_contacts", 10)
modparam("registrar", "use_path", 1)
modparam("registrar|nathelper", "received_avp", "$avp(received)")
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "handle_lost_tcp", 1)
modparam("usrloc", "timer_interval", 5)
modparam("rr", "enable_double_rr", 1)
modparam("htable", "htable", "users=>size=12;")
modparam("websocket", "keepalive_mechanism", @PING@)
modparam("websocket", "keepalive_timeout", @SECONDS@)
event_route[htable:mod-init] {
    $sht(users=>none) = "none";
@USERS@
}
request_route {
""" + _OPTIONS + """
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    force_rport();
    if ($proto =~ "^ws") {
        if (is_method("REGISTER")) fix_nated_register();
        else if (!add_contact_alias()) { sl_reply_error(); exit; }
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) { route(RELAY); }
        exit;
    }
    if (has_totag()) {
        if (loose_route()) {
            if ($du == "") handle_ruri_alias();
            if (is_method("NOTIFY|REFER")) record_route();
            route(RELAY);
        } else if (is_method("ACK")) {
            if (t_check_trans()) route(RELAY);
        } else sl_send_reply("404", "Not here");
        exit;
    }
    t_check_trans();
    if (is_method("REGISTER")) {
        if (@AUTH@) {
            if (!pv_www_authenticate("$td", "$sht(users=>$fU)", "0")) { www_challenge("$td", "1"); exit; }
        }
        if (!save("location")) sl_reply_error();
        exit;
    }
    if (@AUTH@ && $fd == "@DOMAIN@") {
        if (!pv_proxy_authenticate("$fd", "$sht(users=>$fU)", "0")) { proxy_challenge("$fd", "1"); exit; }
        consume_credentials();
    }
    record_route();
    if ($rd != "@DOMAIN@" && $rd != "127.0.0.1") { sl_send_reply("403", "Forbidden"); exit; }
    if (!lookup("location")) {
        if ($sht(users=>$rU) == $null) sl_send_reply("404", "Not Found");
        else sl_send_reply("480", "Temporarily Unavailable");
        exit;
    }
    route(RELAY);
}
route[RELAY] {
    t_on_reply("REPLY");
    if (!t_relay()) sl_reply_error();
    exit;
}
onreply_route[REPLY] {
    if ($proto =~ "^ws") add_contact_alias();
}
event_route[xhttp:request] {
    set_reply_close();
    set_reply_no_connect();
    if ($hdr(Upgrade) =~ "websocket" && $rm =~ "GET") {
        ws_handle_handshake();
        exit;
    }
    xhttp_reply("404", "Not Found", "", "");
}
"""


class Registrar(Kamailio):
    """A registrar with digest for ``users`` (name to password) on UDP, TCP, WS and WSS.

    Whoever comes from the address ``unchallenged`` is not asked for credentials.
    """

    def __init__(
        self,
        domain: str,
        users: dict[str, str],
        children: int = 1,
        shared: int = 512,
        unchallenged: str = "0.0.0.0",
        ping: int = 0,
        head: str = "",
    ) -> None:
        """``shared``: MB. ``ping``: seconds between pings on a WebSocket; 0: none. ``head``: more core parameters."""
        self.domain = domain
        self.port, self.ws_port, self.wss_port = free_port(), free_port(), free_port()
        rows = "\n".join(f'    $sht(users=>{name}) = "{password}";' for name, password in users.items())
        script = _REGISTRAR.replace("@USERS@", rows).replace("@DOMAIN@", domain)
        script = script.replace("@AUTH@", f'$si != "{unchallenged}"').replace("@PING@", str(int(ping > 0)))
        script = script.replace("@SECONDS@", str(ping or 180))
        chain, key = authority().issue("localhost", "127.0.0.1")
        tls = 'modparam("tls", "tls_method", "TLSv1.2+")\n'
        tls += f'modparam("tls", "certificate", "{chain}")\nmodparam("tls", "private_key", "{key}")\n'
        super().__init__(
            tls + script,
            [
                f"udp:127.0.0.1:{self.port}",
                f"tcp:127.0.0.1:{self.port}",
                f"tcp:127.0.0.1:{self.ws_port}",
                f"tls:127.0.0.1:{self.wss_port}",
            ],
            "usrloc registrar auth nathelper htable xhttp websocket outbound tls",
            f'enable_tls=yes\nalias="{domain}"\n{head}',
            children,
            shared,
            # a password of the script takes some 600 bytes
            16 + len(users) // 500,
        )


_CORE = """
modparam("registrar", "method_filtering", 0)
modparam("registrar", "max_contacts", 10)
@PATHS@
modparam("registrar", "path_mode", 2)
modparam("registrar", "outbound_mode", @OUTBOUND@)
modparam("registrar|nathelper", "received_avp", "$avp(received)")
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "timer_interval", 5)
modparam("htable", "htable", "users=>size=12;")
modparam("htable", "htable", "told=>size=2;")
event_route[htable:mod-init] {
    $sht(told=>refuse) = 0;
@USERS@
}
request_route {
""" + _OPTIONS + """
    xlog("L_WARN", "SEEN $rm $ci $si:$sp pai=$hdr(P-Asserted-Identity) ppi=$hdr(P-Preferred-Identity)\\n");
    if ($sht(told=>refuse) == 1 && !is_method("ACK")) {
        sl_send_reply("503", "Service Unavailable");
        exit;
    }
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route()) {
            if (is_method("NOTIFY|REFER")) record_route();
            t_relay();
        } else if (is_method("ACK")) {
            if (t_check_trans()) t_relay();
        } else sl_send_reply("404", "Not here");
        exit;
    }
    t_check_trans();
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("$td", "$sht(users=>$fU)", "0")) { www_challenge("$td", "1"); exit; }
        @FIX@
        if (!save("location")) sl_reply_error();
        exit;
    }
    if ($fd == "@DOMAIN@") {
        if (!pv_proxy_authenticate("$fd", "$sht(users=>$fU)", "0")) { proxy_challenge("$fd", "1"); exit; }
        consume_credentials();
    }
    record_route();
    if ($rd != "@DOMAIN@") { sl_send_reply("403", "Forbidden"); exit; }
    if (!lookup("location")) {
        if ($sht(users=>$rU) == $null) sl_send_reply("404", "Not Found");
        else sl_send_reply("480", "Temporarily Unavailable");
        exit;
    }
    if (!t_relay()) sl_reply_error();
}
"""


def documented() -> str:
    """The parameters that docs/howto/in-front-of-kamailio.md asks for; its modules are loaded already."""
    text = (Path(__file__).parents[2] / "docs/howto/in-front-of-kamailio.md").read_text()
    found = re.search(r"```\n(loadmodule .*?)```", text, re.DOTALL)
    assert found is not None
    return "\n".join(line for line in found[1].splitlines() if line.startswith("modparam"))


class KamailioCore(Kamailio):
    """The registrar and proxy behind an edge, at an address of its own, with digest for ``users`` made up for `user`.

    ``path``: it keeps Paths, and insists on `Supported: path`. Else ``received`` says whether it sends to where a
    REGISTER came from. ``outbound``: it knows RFC 5626.
    """

    def __init__(
        self,
        path: bool = True,
        received: bool = False,
        outbound: bool = False,
        users: int = 40,
        domain: str = "pbx.test",
        address: str = "127.0.0.2",
        like: KamailioCore | None = None,
    ) -> None:
        """``like``: another one that serves the same users."""
        self.domain, self.address, self.port = domain, address, free_port(address)
        made_up = [User(f"user{number}", domain, secrets.token_hex(6)) for number in range(users)]
        self.users = made_up if like is None else like.users
        self._given = 0
        rows = "\n".join(f'    $sht(users=>{user.name}) = "{user.password}";' for user in self.users)
        script = _CORE.replace("@USERS@", rows).replace("@DOMAIN@", domain)
        script = script.replace("@PATHS@", documented() if path else 'modparam("registrar", "use_path", 0)')
        script = script.replace("@OUTBOUND@", str(int(outbound)))
        super().__init__(
            script.replace("@FIX@", "fix_nated_register();" if received else ""),
            [f"udp:{address}:{self.port}", f"tcp:{address}:{self.port}"],
            f"usrloc registrar auth nathelper htable {'outbound' if outbound else ''}",
            f'tcp_source_ipv4={address}\nalias="{domain}"\n',
        )

    @property
    def uri(self) -> str:
        """What an edge is told."""
        return f"sip:{self.address}:{self.port}"

    def user(self) -> User:
        """Somebody whom no other test uses. Raises IndexError when there are none left."""
        self._given += 1
        return self.users[self._given - 1]

    def command(self, *words: str) -> str:
        """What kamcmd says."""
        found = subprocess.run(
            [program("kamcmd"), "-s", f"unix:{self.child.folder.path}/ctl", *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        assert found.returncode == 0, f"{words}: {found.stdout}{found.stderr}"
        return found.stdout

    def refuse(self, on: bool = True) -> None:
        """Answer 503 to every request but OPTIONS, from now on."""
        self.command("htable.seti", "told", "refuse", str(int(on)))

    def pause(self) -> None:
        """Fall silent, until `resume`."""
        os.killpg(self.child.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Work again, beginning with what has come meanwhile."""
        os.killpg(self.child.process.pid, signal.SIGCONT)

    def bindings(self, user: User) -> list[str]:
        """The Contacts that it has of ``user``."""
        return re.findall(r"Address: (\S+)", self.lookup(user))

    def lookup(self, user: User) -> str:
        """All that it has of ``user``."""
        try:
            return self.command("ul.lookup", "location", user.name)
        except AssertionError:
            return ""

    def seen(self, method: str, since: int = 0) -> list[dict[str, str]]:
        """Requests that arrived after byte ``since`` of its log: call, source, pai, ppi."""
        line = rf"SEEN {method} (?P<call>\S+) (?P<source>\S+) pai=(?P<pai>.*?) ppi=(?P<ppi>.*)"
        return [found.groupdict() for found in re.finditer(line, self.child.output(since))]
