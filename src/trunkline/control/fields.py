"""What single values may be: each check gives the canonical value, or raises `Invalid` with the model's field name.

Surfaces that call a field something else translate that name (see `api.route.Route.fields`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any, NoReturn

import msgspec
from msgspec import UNSET

from trunkline.control.errors import Invalid, Scalar
from trunkline.model.trunk import Range
from trunkline.providers.plan import calling_code
from trunkline.routing.destination import countries
from trunkline.sip.uri import UriError, parse_uri

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}")
_PIN = re.compile(r"[0-9]{4,10}")
CODECS = ("PCMU", "PCMA", "G722")
_ENCRYPTION = {
    "disable": "disable",
    "disabled": "disable",
    "allow": "allow",
    "allowed": "allow",
    "require": "require",
    "required": "require",
}
MOST_NETWORKS = 256
MOST_METADATA = 50
MOST_PREFIXES = 1000
MOST_RANGES = 100
LEAST_OWNED = 7
"""Digits that tell a block of numbers that is somebody's."""


def refuse(field: str, message: str, provided: object = None) -> NoReturn:
    shown: Scalar = provided if isinstance(provided, str | int | float | bool) else None
    raise Invalid("invalid_parameter", message, field=field, provided=shown)


def said(wanted: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """What a wanted change says, field by field: all that is not unset."""
    for field in wanted.__struct_fields__:
        value = getattr(wanted, field)
        if value is not UNSET:
            yield field, value


def phone_number(text: str, field: str = "phone_number") -> str:
    if not E164.fullmatch(text):
        raise Invalid("invalid_phone_number", "Phone number must be in E.164 format", field=field, provided=text)
    return text


def name(text: str, field: str = "name") -> str:
    stripped = text.strip()
    if not 1 <= len(stripped) <= 100 or not stripped.isprintable():
        refuse(field, "A name has 1 to 100 printable characters.", text)
    return stripped


def host(text: str, field: str = "host") -> str:
    """A host name, or a literal address without brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    labels = text.removesuffix(".").split(".")
    numeric = labels[-1].isdigit()
    if numeric or len(text) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        refuse(field, "A server is a host name or an address, without scheme and port.", text)
    return text.lower()


def port(value: int, field: str = "port") -> int:
    if not 1 <= value <= 65535:
        refuse(field, "A port is 1 to 65535.", value)
    return value


def transport(text: str, field: str = "transport") -> str:
    word = text.lower()
    if word not in ("udp", "tcp", "tls"):
        refuse(field, "A transport is udp, tcp or tls.", text)
    return word


def networks(given: Iterable[str], field: str = "networks") -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in given:
        try:
            found[str(ip_network(text.strip(), strict=False))] = None
        except ValueError:
            refuse(field, "A network is an address or a CIDR block, as 192.0.2.0/24.", text)
    if len(found) > MOST_NETWORKS:
        refuse(field, f"There are at most {MOST_NETWORKS} networks.")
    return tuple(found)


def codecs(given: Iterable[str], field: str = "codecs") -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in given:
        word = text.upper()
        if word not in CODECS:
            refuse(field, "Codecs are PCMU, PCMA and G722.", text)
        found[word] = None
    return tuple(found)


def media_encryption(text: str, field: str = "media_encryption") -> str:
    word = _ENCRYPTION.get(text.lower())
    if word is None:
        refuse(field, "Media encryption is disable, allow or require.", text)
    return word


def country(text: str, field: str = "country") -> str:
    if not _COUNTRY.fullmatch(text):
        refuse(field, "A country is its two letters of ISO 3166.", text)
    return text.upper()


def known_country(text: str, field: str = "country") -> str:
    """A country that has phone numbers."""
    word = country(text, field)
    if not calling_code(word):
        refuse(field, "There is no such country, or it has no phone numbers.", text)
    return word


def camel(name: str) -> str:
    """A field's name as surfaces in camelCase write it."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def language(text: str, field: str = "language") -> str:
    if not _LANGUAGE.fullmatch(text):
        refuse(field, "A language is a BCP 47 tag, as en-US.", text)
    return text


def sip_uri(text: str, field: str = "uri") -> str:
    """A sip or sips URI without headers, as it is put into a request line."""
    try:
        if len(text) > 500 or not text.isprintable():
            raise UriError("unprintable")
        parsed = parse_uri(text)
    except UriError:
        refuse(field, "This is not a SIP URI.", text)
    if parsed.scheme.lower() not in ("sip", "sips") or not parsed.host or parsed.headers or parsed.password:
        refuse(field, "This must be a sip or sips URI, without headers and password.", text)
    return text


def web_uri(text: str, field: str = "uri") -> str:
    if len(text) > 2000 or not re.fullmatch(r"(wss?|https?)://[^\s/?#]+[^\s]*", text):
        refuse(field, "This must be a ws, wss, http or https URL.", text)
    return text


def prefixes(given: Iterable[str], field: str = "prefixes") -> tuple[str, ...]:
    """Beginnings of E.164 numbers."""
    found = dict.fromkeys(text.strip() for text in given)
    for text in found:
        if not _PREFIX.fullmatch(text):
            refuse(field, "A prefix is the beginning of an E.164 number, as +1 or +4420.", text)
    if len(found) > MOST_PREFIXES:
        refuse(field, f"There are at most {MOST_PREFIXES} prefixes.")
    return tuple(found)


def ranges(given: Iterable[Range], field: str = "ranges") -> tuple[Range, ...]:
    """Beginnings of E.164 numbers, each once, `+` for all; whether their agents are there is not looked at."""
    found: dict[str, Range] = {}
    for one in given:
        prefix = one.prefix.strip()
        if prefix != "+" and not _PREFIX.fullmatch(prefix):
            refuse(field, "A prefix is the beginning of an E.164 number, as +493012345, or + for all.", one.prefix)
        if prefix in found:
            refuse(field, "A prefix is named twice.", one.prefix)
        if one.outbound and len(prefix) <= LEAST_OWNED:
            message = f"Who calls out from a range shows its numbers as its own: name {LEAST_OWNED} digits at least."
            refuse(field, message, one.prefix)
        found[prefix] = Range(prefix=prefix, agent_id=one.agent_id, outbound=one.outbound)
    if len(found) > MOST_RANGES:
        refuse(field, f"There are at most {MOST_RANGES} ranges.")
    return tuple(found.values())


def e164(text: str, field: str) -> str:
    """A telephone number in its canonical form."""
    if not E164.fullmatch(text.strip()):
        refuse(field, "A telephone number is written in E.164, as +12125551234.", text)
    return text.strip()


def destinations(given: Iterable[str], field: str) -> tuple[str, ...]:
    """Countries, and beginnings of E.164 numbers."""
    found: dict[str, None] = {}
    for text in given:
        word = text.strip().upper()
        if not _PREFIX.fullmatch(word) and not (_COUNTRY.fullmatch(word) and word in countries()):
            refuse(field, "A destination is a country, as US, or the beginning of an E.164 number, as +4420.", text)
        found[word] = None
    if len(found) > MOST_PREFIXES:
        refuse(field, f"There are at most {MOST_PREFIXES} destinations.")
    return tuple(found)


def word(*known: str) -> Any:
    """A check for one of these words, in any case."""

    def check(text: str, field: str) -> str:
        if text.lower() not in known:
            refuse(field, f"This is one of {', '.join(known)}.", text)
        return text.lower()

    return check


def seconds(low: float, high: float) -> Any:
    """A check for a length of time between these, both allowed."""

    def check(value: float, field: str) -> float:
        if not low <= value <= high:
            refuse(field, f"This is {low:g} to {high:g} seconds.", value)
        return float(value)

    return check


def certificate_name(text: str, field: str = "client_certificate") -> str:
    """By what a certificate is told: the SHA-256 fingerprint, with or without colons, or a name in it."""
    word = text.strip().lower()
    digits = word.removeprefix("sha256:").removeprefix("sha-256:").replace(":", "")
    if re.fullmatch(r"[0-9a-f]{64}", digits):
        return digits
    if not re.fullmatch(r"[a-z0-9*][a-z0-9.@:_*-]{0,252}", word) or word.startswith(("sha256:", "sha-256:")):
        refuse(field, "This is a SHA-256 fingerprint, or a name that the certificate bears.", text)
    return word


def interval(value: float, field: str) -> float:
    """Seconds between two keep-alives; 0 for none."""
    if value != 0 and not 5 <= value <= 3600:
        refuse(field, "This is 5 to 3600 seconds, or 0 for none.", value)
    return float(value)


def count(low: int, high: int) -> Any:
    """A check for a whole number between these, both allowed."""

    def check(value: int, field: str) -> int:
        if not low <= value <= high:
            refuse(field, f"This is {low} to {high}.", value)
        return value

    return check


def line(most: int) -> Any:
    """A check for printable text that may stand in a header."""

    def check(text: str, field: str) -> str:
        if len(text) > most or not text.isprintable():
            refuse(field, f"This is at most {most} printable characters, on one line.", text)
        return text

    return check


def plain(text: str, marks: str = "-_.") -> bool:
    """Whether it is ASCII letters, digits and these marks alone, as an id may be that goes into a path or a URI."""
    return all(c.isascii() and (c.isalnum() or c in marks) for c in text)


def prose(most: int) -> Any:
    """A check for text of many lines."""

    def check(text: str, field: str) -> str:
        if not text.strip() or len(text) > most or not all(c.isprintable() or c in "\n\t" for c in text):
            refuse(field, f"This is text of at most {most} characters.")
        return text

    return check


def pin(text: str, field: str = "inbound_pin") -> str:
    if not _PIN.fullmatch(text):
        refuse(field, "A PIN is 4 to 10 digits: it has to be keyed.")
    return text


def metadata(given: dict[str, str], field: str = "metadata") -> dict[str, str]:
    if len(given) > MOST_METADATA:
        refuse(field, f"There are at most {MOST_METADATA} entries.")
    for key, value in given.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", key):
            refuse(field, "A name is a letter, then letters, digits, `_`, `.` and `-`, at most 64.", key)
        if len(value) > 500 or not value.isprintable():
            refuse(field, "A value is at most 500 printable characters.", key)
    return given


def rate(value: float, field: str) -> float:
    """Calls a second."""
    if not 0.01 <= value <= 100_000:
        refuse(field, "A rate is 0.01 to 100000 a second.", value)
    return float(value)
