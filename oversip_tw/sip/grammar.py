r"""RFC 3261 §25.1 as regular expressions, each under the name of its rule.

They work on text that has been unfolded. No quantifier gives back what it took, so every match takes linear time: on a
character class it is possessive (``++``, ``*+``), on a group it stands in an atomic group, because Python before 3.11.5
gets possessive groups wrong (Debian 12 has 3.11.2). All character classes are spelled out, so no Unicode digit or
letter gets in (never ``\d``, ``\w`` or ``\s``). Use ``fullmatch``.
"""

from __future__ import annotations

import re

from oversip_tw.sip.errors import ParseError

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]"
#: of a parameter, without capitals
_NAME = r"[a-z0-9\-.!%*_+`'~]"
#: A quoted pair may hold any ASCII control but CR and LF, NUL included.
_QUOTED = r'"(?>(?:[^"\\\x00-\x08\x0a-\x1f\x7f]++|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*)"'
_SWS = r"[ \t]*+"
#: what is within a quoted string that has no quoted pair
_UNESCAPED = r'[^"\\\x00-\x08\x0a-\x1f\x7f]*+'
#: a display name as it usually is; groups: without its quotes, or of tokens
_USUAL_NAME = rf'(?:"({_UNESCAPED})"{_SWS}|((?>(?:{_TOKEN}++{_SWS})*)))'
_LWS = r"[ \t]++"
_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_USER = rf"(?>(?:[{_UNRESERVED}&=+$,;?/]++|{_ESCAPED})+)"
_PASSWORD = rf"(?>(?:[{_UNRESERVED}&=+$,]++|{_ESCAPED})*)"
#: Underscores are for the names of containers and Windows machines.
_LABEL = r"[A-Za-z0-9_]++(?>(?:-++[A-Za-z0-9_]++)*)"
_HOSTNAME = rf"{_LABEL}(?>(?:\.{_LABEL})*)\.?+"
_IPV6_REFERENCE = r"\[[0-9A-Fa-f:.]++\]"
_HOST = rf"(?:{_HOSTNAME}|{_IPV6_REFERENCE})"
_PORT = r"[0-9]{1,5}"
_PARAMCHARS = rf"(?>(?:[{_UNRESERVED}\[\]/:&+$]++|{_ESCAPED})+)"
_URI_PARAMETERS = rf"(?>(?:;{_PARAMCHARS}(?>(?:={_PARAMCHARS})?))*)"
_HEADERS = rf"(?>(?:[{_UNRESERVED}\[\]/?:+$=&]++|{_ESCAPED})+)"
_GEN_VALUE = rf"(?:{_TOKEN}++|{_QUOTED}|{_IPV6_REFERENCE})"
_GENERIC_PARAM = rf"{_SWS};{_SWS}{_TOKEN}++(?>(?:{_SWS}={_SWS}{_GEN_VALUE})?)"
#: ``received`` holds an IPv6 address with brackets (RFC 5118 §4.5) or, by the letter of the grammar, without.
_VIA_VALUE = rf"(?:[A-Za-z0-9\-.!%*_+`'~:]++|{_QUOTED}|{_IPV6_REFERENCE})"
_VIA_PARAM = rf"{_SWS};{_SWS}{_TOKEN}++(?>(?:{_SWS}={_SWS}{_VIA_VALUE})?)"
_PROTOCOL = rf"{_TOKEN}++{_SWS}/{_SWS}{_TOKEN}++{_SWS}/{_SWS}({_TOKEN}++)"
_SENT_BY = rf"({_HOST}(?>(?:{_SWS}:{_SWS}{_PORT})?))"

token = re.compile(rf"{_TOKEN}++")
#: a quoted string, or the beginning of one, up to a NUL that is not escaped
quoted_up_to_nul = re.compile(r'"(?>(?:[^"\\\x00]++|\\.)*)"?+', re.DOTALL)
gen_value = re.compile(_GEN_VALUE)
#: groups: host, port
hostport = re.compile(rf"({_HOST})(?>(?:{_SWS}:{_SWS}({_PORT}))?)")
#: groups: scheme, user, password, host, port, parameters, headers
sip_uri = re.compile(
    rf"([Ss][Ii][Pp][Ss]?):(?>(?:({_USER})(?>(?::({_PASSWORD}))?)@)?)"
    rf"({_HOST})(?>(?::({_PORT}))?)({_URI_PARAMETERS})(?>(?:\?({_HEADERS}))?)"
)
#: groups: user, host, port; as it usually is
plain_uri = re.compile(rf"sip:(?>(?:([{_UNRESERVED}&=+$,?/]++)@)?)({_HOSTNAME})(?>(?::({_PORT}))?)")
#: groups: name, value ("" if there is none); for ``findall`` on what ``sip_uri`` found
uri_parameter = re.compile(r";([^;=]++)=?+([^;]*+)")
#: groups: user, host, port, parameters; the same with parameters as they usually are
uri_with_params = re.compile(
    rf"{plain_uri.pattern}((?>(?:;[a-z0-9\-]++(?>(?:=[{_UNRESERVED}\[\]/:&+$]++)?))*))"
)
#: groups: scheme, opaque part
absolute_uri = re.compile(rf"([A-Za-z][A-Za-z0-9+.\-]*+):((?>(?:[{_UNRESERVED};/?:@&=+$,\[\]#]++|{_ESCAPED})+))")
#: groups: quoted display name, display name of tokens, URI, parameters
name_addr = re.compile(
    rf"(?:({_QUOTED}){_SWS}|((?>(?:{_TOKEN}++{_SWS})*)))<([^<>]*+)>((?>(?:{_GENERIC_PARAM})*)){_SWS}"
)
#: groups: quoted display name without its quotes, display name of tokens, URI, tag; as it usually is
plain_address = re.compile(
    rf'{_USUAL_NAME}<([^<>]*+)>(?>(?:;tag=({_TOKEN}++))?)'
)
#: groups: quoted display name without its quotes, display name of tokens, URI, parameters; as it usually is
address_with_params = re.compile(
    rf'{_USUAL_NAME}<([^<>]*+)>((?>(?:;{_NAME}++(?>(?:=(?:{_TOKEN}++|"{_UNESCAPED}"))?))*))'
)
#: groups: URI, parameters. Without brackets a URI holds no ";", "?" or "," (RFC 3261 §20.10).
addr_spec = re.compile(rf'([^ \t<>,;?"]++)((?>(?:{_GENERIC_PARAM})*)){_SWS}')
#: groups: name, value ("" if there is none); for ``findall`` on parameters that were found well formed
generic_param = re.compile(rf";{_SWS}({_TOKEN}++)(?>(?:{_SWS}={_SWS}({_GEN_VALUE}))?)")
#: groups: transport, sent-by, parameters
via_parm = re.compile(rf"{_PROTOCOL}{_LWS}{_SENT_BY}((?>(?:{_VIA_PARAM})*)){_SWS}")
via_param = re.compile(rf";{_SWS}({_TOKEN}++)(?>(?:{_SWS}={_SWS}({_VIA_VALUE}))?)")
#: groups: name, value ("" if there is none); a parameter as it usually is, with the ";" behind it. For ``findall``:
#: where it fails in a long name it is not tried again at each letter of it
plain_param = re.compile(r"(?<![a-z])([a-z]++)(?>(?:=([A-Za-z0-9\-.!%*_+`'~:]++))?)(?:;|\Z)")
#: the part of a damaged Via that says where an answer may go
via_start = re.compile(rf"{_PROTOCOL}{_LWS}{_SENT_BY}")
#: a tag in a From or To that is damaged elsewhere
tag = re.compile(rf";{_SWS}[Tt][Aa][Gg]{_SWS}={_SWS}({_TOKEN}++)")
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]"
callid = re.compile(rf"{_WORD}++(?>(?:@{_WORD}++)?)")
#: groups: number, method
cseq = re.compile(rf"([0-9]++){_LWS}({_TOKEN}++)")
#: groups: number, method; as it usually is
plain_cseq = re.compile(rf"([0-9]{{1,9}}) ({_TOKEN}++)")
sip_version = re.compile(r"[Ss][Ii][Pp]/[0-9]++\.[0-9]++")
#: groups: version, status, reason
status_line = re.compile(r"([Ss][Ii][Pp]/[0-9]++\.[0-9]++) ([1-6][0-9]{2}) ([^\x00-\x08\x0a-\x1f\x7f]*+)")
#: groups: scheme, the rest
auth_scheme = re.compile(rf"({_TOKEN}++)(?>(?:{_LWS}(.*+))?)", re.DOTALL)
#: groups: name, value; one member of a list of auth-params with the comma behind it
auth_param = re.compile(rf"{_SWS}({_TOKEN}++){_SWS}={_SWS}({_TOKEN}++|{_QUOTED}){_SWS}(?:,|\Z)")
#: the same in a list that is well formed and has no quoted pair: three times as fast
plain_auth_param = re.compile(r"([^ \t,=]++)[ \t]*+=[ \t]*+(\"[^\"]*+\"|[^ \t,]++)")
#: a whole list of them, for ``fullmatch`` before ``findall``
auth_params = re.compile(rf"(?>(?:{_SWS}{_TOKEN}++{_SWS}={_SWS}(?:{_TOKEN}++|{_QUOTED}){_SWS}(?:,|\Z))*)")
#: RFC 9110 §11.2, what Bearer carries
token68 = re.compile(r"[A-Za-z0-9\-._~+/]++=*+")

_quoted_pair = re.compile(r"\\(.)", re.DOTALL)
_to_be_quoted = re.compile(r'["\\]')
_marks = re.compile(r'[",<>()\\]')
_without_comments = re.compile(r'[",<>\\]')
#: What can go into a quoted string; CR and LF cannot, not even as a quoted pair.
_unquotable = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def unfold(text: str) -> str:
    """A header field value of several lines as one (RFC 3261 §7.3.1)."""
    return " ".join([part.strip(" \t") for part in text.split("\r\n")]) if "\n" in text else text


def quote(text: str) -> str:
    """``text`` as a quoted string. Raises ValueError for control characters."""
    if _unquotable.search(text):
        raise ValueError("control character in a quoted string")
    if '"' in text or "\\" in text:
        text = _to_be_quoted.sub(r"\\\g<0>", text)
    return f'"{text}"'


def unquote(text: str) -> str:
    """The content of a quoted string; anything else as it is."""
    if text[:1] != '"':
        return text
    text = text[1:-1]
    return _quoted_pair.sub(r"\1", text) if "\\" in text else text


def number(text: str, limit: int) -> int | None:
    """``1*DIGIT`` up to and including ``limit``; None for anything else."""
    if not (text.isascii() and text.isdigit()):
        return None
    text = text.lstrip("0")
    if len(text) > 20:
        return None
    value = int(text or "0")
    return value if value <= limit else None


def split_list(text: str) -> list[str]:
    """The members of a comma-separated list, without empty ones.

    Commas in quoted strings, in <> and in comments do not separate. Raises ParseError for a quote or a "<" without end.
    """
    if "," not in text:
        text = text.strip(" \t")
        return [text] if text else []
    members = _split(text, _marks) if "(" in text else _split(text, _without_comments)
    if members is None:
        # A parenthesis that nothing closes begins no comment: it is a legal character of a URI's user part.
        members = _split(text, _without_comments) or []
    return members


def _split(text: str, marks: re.Pattern[str]) -> list[str] | None:
    members = []
    start = depth = skip = 0
    closing = ""  # the mark that ends the quoted string or <> we are in
    for mark in marks.finditer(text):
        at = mark.start()
        what = text[at]
        if at < skip:
            continue
        if what == "\\":
            if closing == '"' or depth:
                skip = at + 2
        elif closing:
            if what == closing:
                closing = ""
        elif what == "(":
            depth += 1
        elif what == ")":
            depth = max(0, depth - 1)
        elif depth:
            continue
        elif what == '"':
            closing = '"'
        elif what == "<":
            closing = ">"
        elif what == ",":
            members.append(text[start:at].strip(" \t"))
            start = at + 1
    if closing:
        raise ParseError("Unbalanced Quotes or Brackets")
    if depth:
        return None
    members.append(text[start:].strip(" \t"))
    return [member for member in members if member]
