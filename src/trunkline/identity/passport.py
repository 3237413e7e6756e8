"""The Identity header and the PASSporT in it (RFC 8224 §4, RFC 8225, RFC 8588, RFC 8946): text in, claims out.

The full form carries its header and its claims; the compact form leaves both out, and they are made here again from
what the request says, byte for byte (RFC 8225 §7, §9). Nothing is believed yet: the signature is for `identity.verify`.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any, Final, NamedTuple

import msgspec

LONGEST: Final = 8192
"""Characters of an Identity header; real ones have below 1000."""
_B64 = re.compile(r"[A-Za-z0-9_-]*")
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([A-Za-z0-9-]+)[ \t]*=[ \t]*(<[^<>"\s]*>|"[^"\\]*"|[^\s;,"<>]+)[ \t]*')
_URL = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(/[^\s#]*)?", re.IGNORECASE)
_NOT_DIGITS = re.compile(r"[^0-9*#]")
_MOST_DESTINATIONS: Final = 50
_SIGNATURE: Final = 64
"""Bytes of an ES256 signature (RFC 7518 §3.4)."""


class Flaw(NamedTuple):
    """Why there is nothing to believe, and the answer it deserves where an identity is required (RFC 8224 §6.2.2)."""

    status: int
    reason: str


class Said(NamedTuple):
    """What the request says, for a compact form to be made whole of."""

    origin: str
    """Digits of who calls."""
    destination: str
    """Digits of who is called, by To."""
    date: int | None
    """Unix seconds of its Date header; None without one."""


class Passport(NamedTuple):
    signed: bytes
    """What the signature is over."""
    signature: bytes
    url: str
    """Where its certificate is: https."""
    kind: str
    """Its `ppt`: `shaken`, `div`, …; empty for the plain token."""
    issued_at: int
    origin: str
    """Digits of who calls; empty when it is no telephone number."""
    destinations: tuple[str, ...]
    """Digits of whom it calls."""
    attestation: str
    """`A`, `B` or `C`; empty when it is not said, or not for this kind to say."""
    diverted: str = ""
    """Of the kind `div` (RFC 8946): digits of who was called first."""


def digits(number: str) -> str:
    """A number as a token writes it (RFC 8224 §8.3): its digits alone."""
    return _NOT_DIGITS.sub("", number)


def read(value: str, said: Said) -> Passport | Flaw:
    """One value of the Identity header."""
    if len(value) > LONGEST:
        return Flaw(438, "the Identity header is too long")
    token, _, rest = value.partition(";")
    parameters = _parameters(";" + rest if rest else "")
    parts = token.strip().split(".")
    if parameters is None or len(parts) != 3 or not all(map(_B64.fullmatch, parts)) or not parts[2]:
        return Flaw(438, "the Identity header is malformed")
    info, kind = parameters.get("info", ""), parameters.get("ppt", "").lower()
    if parameters.get("alg", "ES256").upper() != "ES256":
        return Flaw(437, "its algorithm is not ES256")
    if not parts[0] and not parts[1]:
        made = _compact(info, kind, said)
        if isinstance(made, Flaw):
            return made
        parts[:2] = made
    header, claims = _json(parts[0]), _json(parts[1])
    signature = _bytes(parts[2])
    if header is None or claims is None or signature is None or len(signature) != _SIGNATURE:
        return Flaw(438, "the token is malformed")
    return _passport(header, claims, info, kind, f"{parts[0]}.{parts[1]}".encode(), signature)


def _passport(
    header: dict[str, Any], claims: dict[str, Any], info: str, kind: str, signed: bytes, signature: bytes
) -> Passport | Flaw:
    if header.get("alg") != "ES256" or header.get("typ", "passport") != "passport":
        return Flaw(437, "its algorithm is not ES256, or it is no passport")
    if "crit" in header:
        return Flaw(438, "the token asks for extensions that are not known here")
    said, url = header.get("ppt", ""), header.get("x5u", info)
    if not isinstance(said, str) or not isinstance(url, str) or said.lower() != kind:
        return Flaw(438, "the token is not of the kind that the header says")
    if info and url != info:
        return Flaw(438, "the token names another certificate than the header")
    if not fetchable(url):
        return Flaw(436, "its certificate is not at an https URL")
    issued = claims.get("iat")
    if not isinstance(issued, int) or isinstance(issued, bool) or not 0 <= issued < 1 << 40:
        return Flaw(438, "the token does not say when it was issued")
    origin, destinations = _number(claims.get("orig")), _numbers(claims.get("dest"))
    attestation = claims.get("attest", "") if kind == "shaken" else ""
    if destinations is None or origin is None:
        return Flaw(438, "the token does not say who calls whom")
    if kind == "shaken" and (attestation not in ("A", "B", "C") or not isinstance(claims.get("origid"), str)):
        return Flaw(438, "the token attests nothing")
    diverted = (_number(claims.get("div")) or "") if kind == "div" else ""
    return Passport(signed, signature, url, kind, issued, origin, destinations, str(attestation), diverted)


def fetchable(url: str) -> bool:
    """Whether it is an https URL on a usual port, without user, password or fragment."""
    match = _URL.fullmatch(url)
    return match is not None and len(url) <= 1024 and match[2] in (None, "443", "8443")


def _compact(info: str, kind: str, said: Said) -> list[str] | Flaw:
    if kind:
        # What else its claims are, only the full form tells (RFC 8588 §4).
        return Flaw(438, "a compact token of this kind cannot be made whole")
    if said.date is None:
        return Flaw(438, "a compact token needs a Date header")
    header = {"alg": "ES256", "typ": "passport", "x5u": info}
    claims = {"dest": {"tn": [said.destination]}, "iat": said.date, "orig": {"tn": said.origin}}
    return [urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() for part in (header, claims)]


def _parameters(text: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[2].strip('<>"')
        at = match.end()
    return found


def _number(claim: object) -> str | None:
    """The digits of `orig`; empty for a URI, None when it is neither."""
    if not isinstance(claim, dict):
        return None
    number = claim.get("tn")
    if isinstance(number, str) and 0 < len(number) <= 40:
        return digits(number)
    return "" if isinstance(claim.get("uri"), str) else None


def _numbers(claim: object) -> tuple[str, ...] | None:
    """The digits of `dest`, None when it is malformed."""
    if not isinstance(claim, dict):
        return None
    numbers, uris = claim.get("tn", []), claim.get("uri", [])
    # Some sign a single number without the brackets that RFC 8225 §5.2.1 asks for.
    numbers = [numbers] if isinstance(numbers, str) else numbers
    if not isinstance(numbers, list) or not isinstance(uris, list | str) or not (numbers or uris):
        return None
    if len(numbers) > _MOST_DESTINATIONS or not all(
        isinstance(number, str) and len(number) <= 40 for number in numbers
    ):
        return None
    return tuple([digits(number) for number in numbers])


def _json(part: str) -> dict[str, Any] | None:
    data = _bytes(part)
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _bytes(part: str) -> bytes | None:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (Base64Error, ValueError):
        return None
