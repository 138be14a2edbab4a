"""The configuration: what is read, what is refused and in which words, and that its documents tell the truth."""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from oversip_tw import config
from oversip_tw.config import reading, reference
from oversip_tw.config.sections import Config

ROOT = Path(__file__).resolve().parent.parent


def mistakes(text: str) -> list[str]:
    """All that is wrong with ``text``, a line each; the file is called "x"."""
    try:
        config.loads(text, file="x")
    except config.ConfigError as error:
        return error.lines()
    return []


class Domains(unittest.SynchronousTestCase):
    """What is wrong with several [[domain]] and [[alias]] together."""

    def test_mistakes(self) -> None:
        """Each is told once, with its place."""
        domain = '[[domain]]\nname = "{}"\n'
        two = domain.format("a.example") + domain.format("b.example")
        for text, told in (
            (domain.format("a.example") * 2, 'x: two [[domain]] are named "a.example"'),
            (two + 'realm = "A.example"', 'x: domain "a.example": its realm is that of "b.example" too, '),
            (two + 'realm = "a:b"', "x: domain[2].realm: must be a realm"),
            (two + 'realm = ""', "x: domain[2].realm: must be a realm"),
            (two + 'catch_all = "carol@c.example"', "x: domain[2].catch_all: c.example is not one of our domains"),
            (two + 'catch_all = "@b.example"', "x: domain[2].catch_all: must be a user"),
            (two + 'catch_all = "carol@"', "x: domain[2].catch_all: must be a user"),
            (two + '[[alias]]\nnames = []\nuser = "alice"', "x: alias[1]: names must name at least one"),
            (two + '[[alias]]\nnames = "x@c.example"\nuser = "y"', "x: alias[1]: c.example is not one of our domains"),
            (
                two + '[[alias]]\nnames = "x"\nuser = "y"\n[[alias]]\nnames = "x@a.example"\nuser = "z"',
                "x: alias[2]: x@a.example is a name of alias[1] already",
            ),
            (
                two + '[[alias]]\nnames = "x"\nuser = "y"\n[[alias]]\nnames = "z"\nuser = "x"',
                "x: alias[2].user: x is an alias itself",
            ),
            ('[edge]\ncore = "sip:192.0.2.1"\n' + two, "x: an edge has no users"),
            (two + '[[route]]\ndomains = "a.example"\nnext_hop = "sip:192.0.2.1"', "x: route[1].domains: a.example is"),
            ('domain = "a.example"', "x: domain: must be a list of tables"),
        ):
            found = mistakes(text)
            self.assertTrue(any(line.startswith(told) for line in found), (text, found))
            self.assertLessEqual(len(found), 2, found)


class Good(unittest.SynchronousTestCase):
    """What can be said is understood."""

    def test_nothing_said(self) -> None:
        """An empty file and no file are the same: the host's users, loopback only, UDP, TCP and WS."""
        read = config.loads("")
        self.assertEqual(read, config.default())
        self.assertEqual(read.domains, (config.host_name(),))
        places = [(listen.transport, listen.address, listen.bound_port) for listen in read.listen]
        self.assertEqual(places, [("udp", "127.0.0.1", 5060), ("tcp", "127.0.0.1", 5060), ("ws", "127.0.0.1", 8080)])
        self.assertEqual([(auth.inbound, auth.outbound) for auth in [read.auth]], [("closed", "deny")])

    def test_values(self) -> None:
        """Values arrive in the form that the program uses: domains and addresses in their one spelling."""
        read = config.loads(
            """
            domains = ["Example.ORG.", "192.0.2.1"]
            [[listen]]
            transport = "udp"
            address = "2001:DB8:0::1"
            port = 0
            advertised = "2001:db8::2"
            [[route]]
            domains = ["*"]
            next_hop = "pbx.example.org;transport=udp"
            [[route]]
            domains = ["six.example.org"]
            next_hop = "2001:DB8::3;transport=udp"
            [[trusted]]
            network = "192.0.2.10"
            role = "trunk"
            [timers]
            resume = 0
            """
        )
        self.assertEqual(read.domains, ("example.org", "192.0.2.1"))
        listen = read.listen[0]
        self.assertEqual((listen.address, listen.bound_port, listen.advertised), ("2001:db8::1", 0, "[2001:db8::2]"))
        self.assertEqual(read.route[0].next_hop, "sip:pbx.example.org;transport=udp")
        self.assertEqual(read.route[1].next_hop, "sip:[2001:db8::3];transport=udp")
        self.assertEqual(read.trusted[0].network, "192.0.2.10/32")
        self.assertEqual(read.timers.resume, 0.0)

    def test_one_without_brackets(self) -> None:
        """A list of one value may be written as the value."""
        self.assertEqual(config.loads('domains = "example.org"').domains, ("example.org",))

    def test_file_names(self) -> None:
        """Relative names start at the folder of the file, not at the working directory."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name in ("cert.pem", "key.pem"):
            (folder / name).touch()
        file = folder / "oversip.toml"
        file.write_text(
            'state_dir = "state"\n[[listen]]\ntransport = "tls"\ncertificate = "cert.pem"\nkey = "key.pem"\n'
        )
        read = config.load(str(file))
        self.assertEqual(read.listen[0].certificate, (str(folder.resolve() / "cert.pem"),))
        self.assertEqual(read.state_dir, str(folder.resolve() / "state"))
        self.assertEqual(read.store.path, str(folder.resolve() / "state" / "oversip.sqlite"))

    def test_state_dir(self) -> None:
        """Root's state is the system's; a user's is where the desktop standard says."""
        self.assertEqual(reading.default_state_dir({}, uid=0), "/var/lib/oversip")
        self.assertEqual(reading.default_state_dir({"XDG_STATE_HOME": "/x"}, uid=0), "/x/oversip")
        self.assertEqual(reading.default_state_dir({"HOME": "/home/a"}, uid=1000), "/home/a/.local/state/oversip")


class Bad(unittest.SynchronousTestCase):
    """Whatever is wrong is told, all at once, by the path of its key."""

    def test_all_at_once(self) -> None:
        """Mistakes of every kind in one file: each is told, none hides another."""
        found = mistakes(
            """
            domians = ["example.org"]
            [[listen]]
            transport = "wss"
            [[listen]]
            transport = "upd"
            port = 70000
            [[listen]]
            prot = 5060
            [registrar]
            min_expires = "60"
            max_bindings = true
            [auth]
            algorithms = ["MD5", "SHA"]
            [[trusted]]
            network = "192.0.2.1/24"
            role = "boss"
            [limits]
            transactions = 0
            """
        )
        self.assertEqual(
            sorted(found),
            sorted(
                [
                    "x: domians: unknown; did you mean domains?",
                    'x: listen[1]: transport "wss" needs certificate and key',
                    'x: listen[2].transport: must be one of "udp", "tcp", "tls", "ws", "wss", not "upd"',
                    "x: listen[2].port: must be an integer, 0 to 65535, not 70000",
                    "x: listen[3].transport: is missing",
                    "x: listen[3].prot: unknown; did you mean port?",
                    'x: registrar.min_expires: must be an integer, 1 to 2147483647, not "60"',
                    "x: registrar.max_bindings: must be an integer, at least 1, not true",
                    'x: auth.algorithms[2]: must be one of "MD5", "SHA-256", "SHA-512-256", not "SHA"',
                    'x: trusted[1].network: must be a network such as "192.0.2.0/24", not "192.0.2.1/24"',
                    'x: trusted[1].role: must be one of "core", "trunk", "node", "edge", "proxy", not "boss"',
                    "x: limits.transactions: must be an integer, at least 1, not 0",
                ]
            ),
        )

    def test_syntax(self) -> None:
        """What is not TOML is told with its line."""
        (line,) = mistakes('domains = ["a"]\nlisten = [')
        self.assertIn("x: not TOML: ", line)
        (line,) = mistakes("a = 1\nb == 2\n")
        self.assertIn("at line 2", line)

    def test_another_section(self) -> None:
        """An option in the wrong place is told its right one."""
        self.assertEqual(mistakes('outbound = "open"'), ["x: outbound: unknown; did you mean auth.outbound?"])

    def test_edge(self) -> None:
        """Mistakes in the section of the edge, by the names that stand in the file."""
        self.assertEqual(mistakes("[edge]"), ["x: edge.core: is missing"])
        self.assertEqual(
            mistakes('[edge]\ncore = "sip:alice@pbx.test"\nreturn = "mail"\nretrun = "path"\nprofile = "trunk"'),
            [
                ("x: edge.core: must be a SIP URI without user over udp, tcp or tls, such as "
                '"sip:pbx.example.org:5060;transport=tcp", not "sip:alice@pbx.test"'),
                'x: edge.return: must be one of "path", "param", "contact", not "mail"',
                "x: edge.retrun: unknown; did you mean return?",
            ],
        )
        self.assertEqual(
            mistakes('[edge]\ncore = "sip:pbx.test"\nprofile = "trunk"'),
            ['x: edge.profile: no profile is named "trunk"'],
        )
        self.assertEqual(
            mistakes('[edge]\ncore = "sip:pbx.test"\nclient_expires = 60\ncore_expires = 90'),
            ["x: edge: core_expires must be at least twice client_expires"],
        )

    def test_circles(self) -> None:
        """A next hop that is this very server, as far as the file tells."""
        listen = '[[listen]]\ntransport = "tcp"\naddress = "127.0.0.1"\nport = 5070\n'
        udp = '[[listen]]\ntransport = "udp"\n'
        listen += udp + 'address = "127.0.0.2"\n'
        self.assertEqual(
            mistakes(f'{listen}[edge]\ncore = ["sip:127.0.0.1", "sip:127.0.0.1:5070;transport=tcp"]'),
            ["x: edge.core[2]: sip:127.0.0.1:5070;transport=tcp is one of our own listeners"],
        )
        self.assertEqual(
            mistakes(f'{listen}[[route]]\ndomains = "a.test"\nnext_hop = "sip:127.0.0.1:5070"'),
            ["x: route[1].next_hop: sip:127.0.0.1:5070 is one of our own listeners"],
        )

    def test_no_way_out(self) -> None:
        """A transport that none of our listeners speaks has no address that we could say in a Via."""
        self.assertEqual(
            mistakes('[edge]\ncore = "sips:pbx.test"'),
            ['x: edge.core[1]: sips:pbx.test needs a [[listen]] with transport "tls", whose address we then say'],
        )
        for uri, profile, needed in [
            ("sip:pbx.test", "", '"udp" or "tcp"'),
            ("sip:192.0.2.1", "", '"udp"'),
            ("sip:pbx.test:5080", "", '"udp"'),
            ("sip:[2001:db8::1]", 'transports = ["tls", "tcp"]', '"tcp"'),
            ("sip:pbx.test", 'transports = "tls"', '"tls"'),
        ]:
            text = f'[[listen]]\ntransport = "ws"\n[[profile]]\nname = "default"\n{profile}\n'
            told = f"{uri} needs a [[listen]] with transport {needed}, whose address we then say"
            self.assertEqual(mistakes(f'{text}[edge]\ncore = "{uri}"'), [f"x: edge.core[1]: {told}"])
            route = f'[[route]]\ndomains = "a.test"\nnext_hop = "{uri}"'
            self.assertEqual(mistakes(f"{text}{route}"), [f"x: route[1].next_hop: {told}"])

    def test_edge_without_listeners(self) -> None:
        """The shortest edge is reached from outside, and has no domain of its own."""
        loaded = config.loads('[edge]\ncore = "sip:pbx.test"')
        self.assertEqual([listen.address for listen in loaded.listen], ["0.0.0.0"] * 3)
        self.assertEqual(loaded.domains, ())

    def test_tables(self) -> None:
        """A table where a list of them belongs, and the other way round."""
        self.assertEqual(
            mistakes('[trusted]\nnetwork = "192.0.2.1"'),
            ["x: trusted: must be a list of tables, [[...]], not a single one"],
        )
        self.assertEqual(mistakes("store = 1"), ["x: store: must be a table, not 1"])
        self.assertEqual(mistakes("listen = [1]"), ["x: listen[1]: must be a table, not 1"])

    def test_between_options(self) -> None:
        """What each option allows alone may be wrong together."""
        tls = f'[[listen]]\ntransport = "tls"\ncertificate = "{__file__}"\nkey = "{__file__}"\n'
        for text, told in [
            (
                '[[listen]]\ntransport = "udp"\npage = true',
                'x: listen[1]: transport "udp" takes no path, origins or page',
            ),
            (
                f'[[listen]]\ntransport = "ws"\nkey = "{__file__}"',
                'x: listen[1]: transport "ws" takes no certificate and no key',
            ),
            (
                f'[[listen]]\ntransport = "tls"\ncertificate = "{__file__}"',
                "x: listen[1]: 1 certificate(s), but 0 key(s)",
            ),
            (
                "[registrar]\nmin_expires = 7200",
                "x: registrar: must hold min_expires <= default_expires <= max_expires",
            ),
            (
                '[[route]]\ndomains = ["a.example"]\nnext_hop = "b"\nprofile = "p"',
                'x: route[1].profile: no profile is named "p"',
            ),
            ('[[route]]\ndomains = []\nnext_hop = "b"', "x: route[1]: domains must name at least one"),
            ('[[profile]]\nname = "p"\n[[profile]]\nname = "p"', 'x: two profiles are named "p"'),
            ("[auth]\nalgorithms = []", "x: auth: algorithms must name at least one"),
            (
                'domains = ["a.example"]\n[[route]]\ndomains = ["A.example"]\nnext_hop = "b"',
                "x: route[1].domains: a.example is one of our own domains",
            ),
            (
                '[[listen]]\ntransport = "tcp"\n[[listen]]\ntransport = "ws"\nport = 5060',
                "x: listen[2]: 127.0.0.1 port 5060 is taken by listen[1]",
            ),
            (
                '[[listen]]\ntransport = "tcp"\n[admin]\nport = 5060',
                "x: admin.port: 127.0.0.1 port 5060 is taken by listen[1]",
            ),
            (
                '[[listen]]\ntransport = "udp"\nproxy_protocol = true\n[[trusted]]\nnetwork = "::1"\nrole = "proxy"',
                'x: listen[1]: transport "udp" takes no proxy_protocol',
            ),
            (
                '[[listen]]\ntransport = "ws"\nclient_certificate = "ask"',
                'x: listen[1]: transport "ws" takes no client_certificate and no authorities',
            ),
            (
                f'{tls}client_certificate = "require"',
                'x: listen[1]: client_certificate = "require" needs authorities',
            ),
            (
                f'{tls}authorities = "{__file__}"',
                'x: listen[1]: authorities are of use with client_certificate = "ask" or "require"',
            ),
            (
                '[[listen]]\ntransport = "ws"\nproxy_protocol = true\n[[trusted]]\nnetwork = "::1"\nrole = "proxy"',
                (
                    'x: listen[1].proxy_protocol: no [[trusted]] with role "proxy" is for transport "ws" '
                    "(ws and wss have to be named)"
                ),
            ),
            (
                f'[[profile]]\nname = "p"\ncertificate = "{__file__}"',
                "x: profile[1]: certificate and key go together",
            ),
            (
                '[[profile]]\nname = "p"\nfamilies = []',
                "x: profile[1]: transports and families must name at least one each",
            ),
        ]:
            self.assertEqual(mistakes(text), [told])
        self.assertEqual(mistakes(f'{tls}client_certificate = "ask"'), [])
        proxied = '[[listen]]\ntransport = "tcp"\nproxy_protocol = true\n[[trusted]]\nnetwork = "::1"\nrole = "proxy"'
        self.assertEqual(mistakes(proxied), [])

    def test_between_options_all_at_once(self) -> None:
        """Several such mistakes are told together."""
        text = '[[route]]\ndomains = ["a.example"]\nnext_hop = "b"\nprofile = "p"\n'
        self.assertEqual(
            mistakes(text * 2),
            [f'x: route[{number}].profile: no profile is named "p"' for number in (1, 2)],
        )

    def test_same_place_twice(self) -> None:
        """UDP and TCP share a number, and 0 is another port each time."""
        for one, other in [('transport = "udp"', 'transport = "tcp"'), ('transport = "ws"\nport = 0',) * 2]:
            self.assertEqual(mistakes(f"[[listen]]\n{one}\n[[listen]]\n{other}"), [])

    def test_files(self) -> None:
        """A file that cannot be read is a mistake of the configuration, not of the first client."""
        (line,) = mistakes('[[listen]]\ntransport = "tls"\ncertificate = "/nowhere/cert.pem"\nkey = []')
        self.assertEqual(line, "x: listen[1].certificate: cannot read /nowhere/cert.pem: No such file or directory")
        with self.assertRaises(config.ConfigError) as raised:
            config.load("/nowhere/oversip.toml")
        self.assertEqual(raised.exception.lines(), ["cannot read /nowhere/oversip.toml: No such file or directory"])
        latin = Path(self.mktemp())
        latin.write_bytes(b'domains = ["\xe9.example"]')
        with self.assertRaises(config.ConfigError) as raised:
            config.load(str(latin))
        self.assertIn("is not UTF-8", raised.exception.lines()[0])

    def test_words(self) -> None:
        """Domains, hosts, URIs, paths and origins that are none."""
        for text in [
            'domains = ["a b"]',
            'domains = ["-a.example"]',
            'domains = ["1.2.3"]',
            'domains = [""]',
            'hooks = "no colon"',
            '[[listen]]\ntransport = "udp"\nadvertised = "host:70000"',
            '[[listen]]\ntransport = "udp"\nadvertised = "2001:db8::1:x"',
            '[[listen]]\ntransport = "ws"\npath = "ws"',
            '[[listen]]\ntransport = "ws"\npath = "/a?b"',
            '[[listen]]\ntransport = "ws"\norigins = ["phone.example.org"]',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sip:user@host"',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sip:host;transport=ws"',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sips:host;transport=udp"',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sip:host;"',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sip:host:0"',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sip:host;lr;lr"',
            '[[route]]\ndomains = ["a.example"]\nnext_hop = "sip:host;maddr=\\n"',
            'state_dir = "\\u0000"',
            'state_dir = "~nobody-of-that-name/x"',
            f"a = {'[' * 3000}{']' * 3000}",
            "log.messages = 1",
            "[timers]\nt1 = inf",
            "[timers]\nt1 = nan",
        ]:
            self.assertEqual(len(mistakes(text)), 1, text)

    @settings(max_examples=60, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from([each.name for each in attrs.fields(Config)]), inner, max_size=3)
            ),
            max_leaves=6,
        )
    )
    def test_nonsense(self, value: object) -> None:
        """Whatever stands where, the answer is a configuration or a list of mistakes, each with its key."""
        for each in attrs.fields(Config):
            try:
                reading.structure({each.name: value}, Path())
            except config.ConfigError as error:
                self.assertTrue(all(mistake.path.startswith(each.name) for mistake in error.mistakes), error)


class Documents(unittest.SynchronousTestCase):
    """The reference and the sample are those of this code; `make reference` makes them anew."""

    def test_reference(self) -> None:
        """docs/reference/configuration.md names every option, with its default, as the code has it."""
        self.assertEqual((ROOT / reference.DOCUMENT).read_text(), reference.document())

    def test_sample(self) -> None:
        """etc/oversip.toml shows every option, as the code has it."""
        self.assertEqual((ROOT / reference.SAMPLE).read_text(), reference.sample())

    def test_sample_can_be_used(self) -> None:
        """The sample as it is changes nothing; with every option uncommented it is still right, files aside."""
        text = (ROOT / reference.SAMPLE).read_text()
        self.assertEqual(config.loads(text), config.default())
        uncommented = "\n".join(line[1:] for line in text.splitlines() if line[:1] == "#" and line[1:2] != " ")
        told = [line.partition(": cannot read")[0] for line in mistakes(uncommented)]
        listen = [f"x: listen[1].{key}" for key in ("certificate[1]", "key[1]", "authorities")]
        profile = [f"x: profile[1].{key}" for key in ("authorities", "certificate", "key")]
        proofs = ["jwt.keys[1]", "jwt.jwks_authorities", "cookie.secrets", "ephemeral.secrets", "turn.secrets"]
        self.assertEqual(told, [*listen, *(f"x: {each}" for each in proofs), *profile, "x: admin.token_file"])
        everything = tomllib.loads(uncommented)
        for name, _, section in reference.sections():
            table = everything[name] if name else everything
            table = table[0] if isinstance(table, list) else table
            self.assertEqual(
                {reading.key_of(option) for option in reference.options(section)} - set(table),
                set(),
                f"missing in [{name}]",
            )
