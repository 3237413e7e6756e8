"""Via (RFC 3261 §20.42): the way a response goes back, and what a server adds to it (§18.2.1, RFC 3581 §4).

A response is sent to the address the request came from, never where `maddr` says: the edge has no multicast, and a
parameter the sender chooses would let it aim our answers at others (compare RFC 4475 §3.3.10).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from trunkline.sip.flow import Address
from trunkline.sip.grammar import (
    GrammarError,
    Params,
    bracketed,
    format_params,
    is_ipv6,
    next_comma,
    parse_params,
    same_host,
)
from trunkline.sip.grammar import param as find_param


class ViaError(GrammarError):
    """The value is no Via."""


_VIA: Final = re.compile(
    r"""[sS][iI][pP][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++
        (?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_][A-Za-z0-9_.\-]*+))
        (?:[ \t]*+:[ \t]*+([0-9]{1,5}+))?[ \t]*+""",
    re.VERBOSE,
).fullmatch
"""What stands before the parameters."""
_LONGEST_KEPT: Final = 128

_BEGINNING: Final = re.compile(
    r"""[sS][iI][pP][ \t]*+/[ \t]*+[0-9]++\.[0-9]++[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++
        (?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_][A-Za-z0-9_.\-]*+))(?:[ \t]*+:[ \t]*+([0-9]{1,5}+))?""",
    re.VERBOSE,
)
_BRANCH: Final = re.compile(r";[ \t]*+branch[ \t]*+=[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)", re.IGNORECASE)
_RPORT: Final = re.compile(r";[ \t]*+rport[ \t]*+(?:[;,]|\Z)", re.IGNORECASE)


class Via:
    """One Via value. Every message makes one: a plain class, because compiled code makes and reads those fastest."""

    __slots__ = ("host", "params", "port", "transport")

    def __init__(self, transport: str, host: str, port: int | None, params: Params = ()) -> None:
        self.transport = transport
        """In upper case: `UDP`, `TCP`, `TLS`, or any other token."""
        self.host = host
        """The host of sent-by, an IPv6 address without its brackets."""
        self.port = port
        self.params = params

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Via):
            return NotImplemented
        same = self.transport == other.transport and self.host == other.host
        return same and self.port == other.port and self.params == other.params

    def __hash__(self) -> int:
        return hash((self.transport, self.host, self.port, self.params))

    def __repr__(self) -> str:
        return f"<Via {self}>"

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {bracketed(self.host)}{port}{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """The value of the parameter `name` (lower case); "" when it has none, None when absent."""
        return find_param(self.params, name)

    @property
    def branch(self) -> str | None:
        for name, value in self.params:
            if name == "branch":
                return value or None
        return None

    @property
    def received(self) -> str | None:
        """The address a server saw, without brackets (some write an IPv6 one in them: RFC 5118 §4.5)."""
        value = find_param(self.params, "received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | Literal[""] | None:
        """None: absent. "": asked for, or a value that is no port. Else the port a server saw."""
        value = find_param(self.params, "rport")
        if value is None:
            return None
        return int(value) if len(value) <= 5 and value.isascii() and value.isdecimal() else ""

    @property
    def sent_by(self) -> str:
        """`host` or `host:port` in lower case, as §17.2.3 compares it."""
        host = bracketed(self.host).lower()
        return host if self.port is None else f"{host}:{self.port}"


def parse_via(text: str) -> Via:
    """One Via, no comma list: see `first_via`. Raises ViaError."""
    head, semicolon, params = text.partition(";")
    transport, host, port = _known(head) if len(head) <= _LONGEST_KEPT else _sender(head)
    if not semicolon:
        return Via(transport, host, port)
    try:
        return Via(transport, host, port, parse_params(f";{params}"))
    except GrammarError as error:
        raise ViaError(str(error)) from None


def _sender(head: str) -> tuple[str, str, int | None]:
    """Transport, host and port, before the parameters. Raises ViaError."""
    match = _VIA(head)
    if match is None:
        raise ViaError("not a Via of SIP/2.0")
    transport, v6, host, digits = match.groups()
    port = int(digits) if digits is not None else None
    if port is not None and port > 65535:
        raise ViaError("port is over 65535")
    if v6 is not None:
        if not is_ipv6(v6):
            raise ViaError("IPv6 address is malformed")
        host = v6
    return transport.upper(), host, port


_known = lru_cache(1024)(_sender)
"""Whoever sends us messages writes the same there in all of them."""


def salvage_via(value: str) -> Via | None:
    """As much of a broken first Via as an answer to its sender needs, or None. What is broken is left out: parameters
    other than `branch` and `rport`, a version that is not 2.0 (RFC 4475 §3.1.2.1, §3.1.2.16)."""
    match = _BEGINNING.match(value)
    if match is None or (match[2] is not None and not is_ipv6(match[2])):
        return None
    port = int(match[4]) if match[4] else None
    branch = _BRANCH.search(value, match.end())
    params: Params = (("branch", branch[1]),) if branch else ()
    if _RPORT.search(value, match.end()):
        params = (*params, ("rport", None))
    return Via(match[1].upper(), match[2] or match[3], port if port is None or port < 65536 else None, params)


def first_via(value: str) -> tuple[Via, str]:
    """The first Via of a header line, and the text of those that follow it in the same line. Raises ViaError."""
    comma = next_comma(value) if "," in value else -1
    if comma < 0:
        return parse_via(value), ""
    return parse_via(value[:comma].rstrip(" \t")), value[comma + 1 :].lstrip(" \t")


def stamp(via: Via, remote: Address) -> str:
    """A request's topmost Via as its responses carry it: `received` when sent-by is not the source address or `rport`
    was asked for, and `rport` with the source port. What the sender wrote there itself is replaced."""
    host, port = remote
    seen = via.host != host and not same_host(via.host, host)
    text = f"SIP/2.0/{via.transport} {bracketed(via.host)}"
    if via.port is not None:
        text += f":{via.port}"
    for name, value in via.params:
        if name == "rport":
            text += f";rport={port}"
            seen = True
        elif name == "received":
            continue
        elif value is None:
            text += f";{name}"
        else:
            text += f";{name}={value}"
    return f"{text};received={host}" if seen else text


def reply_address(via: Via, remote: Address) -> Address:
    """Where the response to a request over UDP goes, and where one over a lost connection would be tried: the source
    address, at the source port when `rport` was asked for, else at the port of sent-by (§18.2.2, RFC 3581 §4)."""
    if find_param(via.params, "rport") is not None:
        return remote
    if via.port:
        return remote[0], via.port
    return remote[0], 5061 if via.transport == "TLS" else 5060
