"""The tokens SIP is written in (RFC 3261 §25.1): lists, parameters, quoted strings, escapes, hosts.

Everything here is linear in its input: the patterns use possessive repeats over disjoint sets, so that none can go
back, and what is left open (a quote, an angle bracket) runs to the end of the text instead of being tried again.

Strictness follows RFC 4475: what delimits is strict (an empty parameter, a quote left open), what is only carried is
not (a value may hold any visible character that does not delimit, because tags with `/`, `=` or `@` are on the wire).
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

Params = tuple[tuple[str, str | None], ...]
"""Parameters in order: the name in lower case, the value as written (its quotes kept), None when there is no `=`."""


class GrammarError(ValueError):
    """The text is not what the grammar asks for. The message says what is wrong and never quotes the text."""


_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++").fullmatch
# Classes repeat possessively, groups do not: CPython before 3.11.5 lets a possessive group match too much. What is in
# the groups cannot give back, so they stay linear.
_QUOTED: Final = re.compile(r'"(?:[^"\\\r\n]++|\\[^\r\n])*"')
_DELIMITED: Final = re.compile(r'"(?:[^"\\]++|\\.)*(?:"|\\?\Z)|<[^>]*+>?|,', re.DOTALL)
_PARAMS: Final = re.compile(
    r"""(?:[ \t]*+;[ \t]*+[^\x00-\x20\x7f;=,"<>()\[\]]++[ \t]*+
        (?:=[ \t]*+(?:"(?:[^"\\\r\n]++|\\[^\r\n])*"|[^\x00-\x20\x7f;,"<>]*+)[ \t]*+)?)*""",
    re.VERBOSE,
).fullmatch
_PARAM: Final = re.compile(r';[ \t]*+([^;= \t]++)[ \t]*+(?:=[ \t]*+("(?:[^"\\]|\\.)*"|[^; \t]*+))?', re.DOTALL)
_PAIRED: Final = re.compile(r'["\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f]')
_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def is_token(text: str) -> bool:
    """Whether `text` is one token: a method, a header name, an option tag."""
    return _TOKEN(text) is not None


def quote(text: str) -> str:
    """`text` as a quoted string. A line end, which none can hold, becomes a space."""
    if not text.isprintable() or "\\" in text or '"' in text:
        text = _PAIRED.sub(r"\\\g<0>", text.replace("\r", " ").replace("\n", " "))
    return f'"{text}"'


def unquote(text: str) -> str:
    """What a quoted string says; a text that is not quoted is given back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    return _PAIR.sub(r"\1", text) if "\\" in text else text


def quoted_end(text: str, start: int = 0) -> int:
    """The index after the quoted string that begins at `start`; -1 when it never ends."""
    match = _QUOTED.match(text, start)
    return match.end() if match else -1


def next_comma(value: str, start: int = 0) -> int:
    """The first comma from `start` that separates, not one within quotes or angle brackets; -1 for none."""
    if '"' not in value and "<" not in value:
        return value.find(",", start)
    for match in _DELIMITED.finditer(value, start):
        if match[0] == ",":
            return match.start()
    return -1


def split_commas(value: str) -> list[str]:
    """The elements of a header value. Empty ones are left out; a quote or bracket left open takes the rest."""
    if "," not in value:
        value = value.strip(" \t")
        return [value] if value else []
    if '"' not in value and "<" not in value:
        return [element for part in value.split(",") if (element := part.strip(" \t"))]
    elements = []
    start = 0
    for match in _DELIMITED.finditer(value):
        if match[0] == ",":
            if element := value[start : match.start()].strip(" \t"):
                elements.append(element)
            start = match.end()
    if element := value[start:].strip(" \t"):
        elements.append(element)
    return elements


def parse_params(text: str) -> Params:
    """The parameters of a header value, from the first `;` to the end. Raises GrammarError."""
    if not text:
        return ()
    plain = _plain_params(text)
    if plain is not None:
        return plain
    if _PARAMS(text) is None:
        raise GrammarError("parameters are malformed")
    return tuple([(name.lower(), value) for name, value in _pairs(text)])


def _plain_params(text: str) -> Params | None:
    """The parameters of a text in which all names and values are tokens, as in nearly all; None for any other."""
    if text[0] != ";":
        return None
    pairs: list[tuple[str, str | None]] = []
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        if not name.isalnum() and not is_token(name):
            return None
        if not value.isalnum() and value and not is_token(value):
            return None
        pairs.append((name.lower(), value if equals else None))
    return tuple(pairs)


def _pairs(text: str) -> list[tuple[str, str | None]]:
    return [(match[1], match[2]) for match in _PARAM.finditer(text)]


def param(params: Params, name: str) -> str | None:
    """The value of the first parameter called `name` (lower case), without its quotes; "" when it has none, None when
    it is absent."""
    for key, value in params:
        if key == name:
            return unquote(value) if value else ""
    return None


def format_params(params: Params) -> str:
    """The parameters as they are written, each with its `;`."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def unescape(text: str) -> str:
    """Each `%HH` as its octet, once: `%2541` is `%41` and stays so (RFC 4475 §3.1.1.3). A `%` that begins no escape
    stands for itself. Octets that are not UTF-8 become lone surrogates, as everywhere in a message's text."""
    return _ESCAPES.sub(_octets, text) if "%" in text else text


def _octets(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogateescape")


def escape(text: str, safe: str) -> str:
    """Each character but letters, digits, `-_.!~*'()` and those of `safe` as `%HH` of its UTF-8 octets."""
    if text.isalnum() and text.isascii():
        return text
    kept = _UNRESERVED.union(safe)
    return "".join(
        [
            character
            if character in kept
            else "".join([f"%{octet:02X}" for octet in character.encode("utf-8", "surrogateescape")])
            for character in text
        ]
    )


_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


def bracketed(host: str) -> str:
    """A host as a URI or a Via writes it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_ipv6(text: str) -> bool:
    """Whether `text` is an IPv6 address, without brackets and without a zone."""
    return len(text) <= 45 and _canonical_ipv6(text) is not None


def same_host(a: str, b: str) -> bool:
    """Whether two hosts are the same name (in any case, with the dot of the root or without) or the same address (in
    any spelling)."""
    if a == b:
        return True
    if ":" in a and ":" in b and len(a) <= 45 and len(b) <= 45:
        canonical = _canonical_ipv6(a)
        return canonical is not None and canonical == _canonical_ipv6(b)
    return a.lower().rstrip(".") == b.lower().rstrip(".")


@lru_cache(maxsize=1024)
def _canonical_ipv6(text: str) -> bytes | None:
    if "%" in text:
        return None
    try:
        return IPv6Address(text).packed
    except AddressValueError:
        return None
