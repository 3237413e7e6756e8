"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966), and any other scheme as an opaque text.

A scheme we do not speak is no syntax error: the answer is 416, not 400 (RFC 4475 §3.3.2), so it parses too.
The `?headers` part is kept apart and nothing here turns it into headers: `?Route=…` in a Request-URI is an attack.

Liberal where peers need it: `_` in host names, `#` and UTF-8 in user parts, an empty user, empty URI parameters. Strict
where a delimiter or an escape is at stake.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from trunkline.sip.grammar import GrammarError, Params, bracketed, escape, is_ipv6, same_host, unescape


class UriError(GrammarError):
    """The text is no URI."""


_SIP: Final = re.compile(
    r"""([sS][iI][pP][sS]?+):
        (?:((?:[^\x00-\x20\x7f"<>@:%\[\]\\]++|%[0-9A-Fa-f]{2})*)(?::((?:[^\x00-\x20\x7f"<>@:%\[\]\\]++|%[0-9A-Fa-f]{2})*))?@)?
        (?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_][A-Za-z0-9_.\-]*+))
        (?::([0-9]{1,5}+))?
        ((?:;(?:[^\x00-\x20\x7f"<>@;?%]++|%[0-9A-Fa-f]{2})*)*)
        (?:\?((?:[^\x00-\x20\x7f"<>@%]++|%[0-9A-Fa-f]{2})*))?""",
    re.VERBOSE,
).fullmatch
_TEL: Final = re.compile(
    r"""[tT][eE][lL]:((?:[0-9A-Fa-f*#+().\-]++|%2[3bB])+)
        ((?:;(?:[^\x00-\x20\x7f"<>@;?%]++|%[0-9A-Fa-f]{2})*)*)""",
    re.VERBOSE,
).fullmatch
_OTHER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+:([^\x00-\x20\x7f\"<>]++)").fullmatch
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_SEPARATORS: Final = str.maketrans("", "", "-.()")

_PLACE: Final = re.compile(
    r"(sips?:(?:[^@]*@)?(?:\[[^\]]*\]|[^:;?@\[\]]+))(?::[0-9]*)?((?:[;?].*)?)", re.IGNORECASE
).fullmatch
_PLACING: Final = frozenset({"transport", "maddr", "ttl", "lr", "method"})
_COMPARED: Final = frozenset({"user", "ttl", "method", "maddr", "transport"})
"""Parameters that never match a URI without them (RFC 3261 §19.1.4)."""

USER_SAFE: Final = "&=+$,;?/"
"""What a user part may hold unescaped beside letters, digits and marks (RFC 3261 §25.1, user-unreserved)."""


class Uri(NamedTuple):
    """A URI in its parts, escapes kept as written. `str()` gives it back, scheme and parameter names in lower case."""

    scheme: str
    """In lower case: `sip`, `sips`, `tel`, or any other."""
    user: str | None = None
    """`tel`: the number. `sip`: the user part with its own parameters, as `+12025550100;npdi`."""
    password: str | None = None
    host: str = ""
    """A name or a literal address, an IPv6 one without its brackets; empty for other schemes than `sip` and `sips`."""
    port: int | None = None
    params: Params = ()
    headers: str | None = None
    """What follows `?`. Never to be made into headers of a message."""
    rest: str = ""
    """All that follows the scheme, when it is neither `sip`, `sips` nor `tel`."""

    def __str__(self) -> str:
        if self.rest:
            return f"{self.scheme}:{self.rest}"
        text = self.scheme + ":"
        if self.scheme == "tel":
            text += self.user or ""
        else:
            if self.user is not None:
                text += self.user if self.password is None else f"{self.user}:{self.password}"
                text += "@"
            text += bracketed(self.host)
            if self.port is not None:
                text += f":{self.port}"
        for name, value in self.params:
            text += f";{name}" if value is None else f";{name}={value}"
        return text if self.headers is None else f"{text}?{self.headers}"

    def param(self, name: str) -> str | None:
        """The value of the URI parameter `name` (lower case), unescaped; "" when it has none, None when absent."""
        for key, value in self.params:
            if key == name or ("%" in key and unescape(key).lower() == name):
                return unescape(value) if value else ""
        return None

    @property
    def transport(self) -> str | None:
        """The `transport` parameter in lower case."""
        value = self.param("transport")
        return value.lower() if value else None

    @property
    def server(self) -> str:
        """Whom a request to it goes to, as `host`: `maddr` overrides the host (RFC 3261 §19.1.1)."""
        return (self.param("maddr") or "").strip("[]") or self.host

    @property
    def loose(self) -> bool:
        """Whether it has `lr`: a hop that routes by Route headers (RFC 3261 §16.12)."""
        return self.param("lr") is not None

    @property
    def unescaped_user(self) -> str | None:
        return unescape(self.user) if self.user is not None else None

    @property
    def subscriber(self) -> str:
        """The user part before its own parameters, unescaped: `+12025550100` of `+12025550100;npdi;rn=+1…`. Empty when
        there is none."""
        return unescape(self.user.partition(";")[0]) if self.user else ""

    def user_param(self, name: str) -> str | None:
        """A parameter within the user part (RFC 3261 §19.1.6, RFC 4694), or of a tel URI: `phone-context`, `rn`,
        `npdi`. As `param`."""
        if self.scheme == "tel":
            return self.param(name)
        for part in (self.user or "").split(";")[1:]:
            key, _, value = part.partition("=")
            if unescape(key).lower() == name:
                return unescape(value)
        return None


def parse_uri(text: str) -> Uri:
    """The URI that `text` is, nothing before or after it. Raises UriError.

    Short ones are remembered: a peer's Contact, Route and From come again with every message.
    """
    return _remembered(text) if len(text) <= 160 else _parse(text)


def sip_uri(
    host: str, user: str | None = None, port: int | None = None, params: Params = (), scheme: str = "sip"
) -> Uri:
    """A SIP or SIPS URI of ours; `user` is plain text and is escaped here."""
    return Uri(scheme, None if user is None else escape(user, USER_SAFE), None, host, port, params)


def _parse(text: str) -> Uri:
    match = _SIP(text)
    if match is None:
        return _parse_other(text)
    scheme, user, password, v6, host, digits, params, headers = match.groups()
    if digits is None:
        port = None
    elif (port := int(digits)) > 65535:
        raise UriError("port is over 65535")
    if v6 is not None:
        if ":::" in v6 and "." in v6:
            v6 = v6.replace(":::", "::", 1)  # So said the grammar before RFC 5954, and RFC 5118 §4.10 has it.
        if not is_ipv6(v6):
            raise UriError("IPv6 address is malformed")
        host = v6
    return Uri(scheme.lower(), user, password, host, port, _parse_params(params) if params else (), headers)


_remembered = lru_cache(maxsize=4096)(_parse)


def _parse_other(text: str) -> Uri:
    match = _TEL(text)
    if match is not None:
        return Uri("tel", match[1], params=_parse_params(match[2]) if match[2] else ())
    scheme = text.partition(":")[0].lower()
    if scheme in {"sip", "sips", "tel"}:
        raise UriError(f"{scheme} URI is malformed")
    match = _OTHER(text)
    if match is None:
        raise UriError("not a URI")
    return Uri(scheme, rest=match[1])


def _parse_params(text: str) -> Params:
    params: list[tuple[str, str | None]] = []
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        if name:
            params.append((name.lower(), value if equals else None))
        elif equals:
            raise UriError("a URI parameter has no name")
    return tuple(params)


def same(a: Uri, b: Uri) -> bool:
    """Whether two URIs are equal in the sense of RFC 3261 §19.1.4 (tel: RFC 3966 §4)."""
    if a.scheme != b.scheme or a.rest != b.rest:
        return False
    if a.scheme == "tel":
        return _digits(a) == _digits(b) and _all_params(a) == _all_params(b)
    if _canonical(a.user) != _canonical(b.user) or _canonical(a.password) != _canonical(b.password):
        return False
    if a.port != b.port or not same_host(a.host, b.host):
        return False
    ours, theirs = _all_params(a), _all_params(b)
    for name in ours.keys() | theirs.keys():
        if name in ours and name in theirs:
            if ours[name] != theirs[name]:
                return False
        elif name in _COMPARED:
            return False
    return _header_parts(a) == _header_parts(b)


def party(text: str) -> str:
    """A SIP or SIPS URI as From and To name somebody by it: without a port and without what says how it is reached
    (§19.1.1, table 1). Any other text is given back as it is."""
    match = _PLACE(text)
    if match is None:
        return text
    who, rest = match[1], match[2]
    if not rest:
        return str(who)
    params = rest.partition("?")[0].split(";")[1:]
    return str(who) + "".join([f";{each}" for each in params if each.partition("=")[0].lower() not in _PLACING])


def _canonical(text: str | None) -> str | None:
    """Escapes of characters that need none are undone; the others stay, in upper case: `%3B` is not `;`."""
    return _ESCAPE.sub(_plain, text) if text and "%" in text else text


def _plain(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character.isascii() and (character.isalnum() or character in "-_.!~*'()") else match[0].upper()


def _digits(uri: Uri) -> str:
    return unescape(uri.user or "").translate(_SEPARATORS).lower()


def _all_params(uri: Uri) -> dict[str, str]:
    params: dict[str, str] = {}
    for name, value in uri.params:
        params.setdefault(unescape(name).lower(), (_canonical(value) or "").lower())
    return params


def _header_parts(uri: Uri) -> list[tuple[str, str]]:
    parts = []
    for part in (uri.headers or "").split("&"):
        name, _, value = part.partition("=")
        parts.append((unescape(name).lower(), _canonical(value) or ""))
    return sorted(parts)
