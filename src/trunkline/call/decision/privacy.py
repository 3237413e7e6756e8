"""What a caller wants hidden, and who it is in the words of a trunk that is trusted (RFC 3323, RFC 3325).

Whoever asks for privacy gets it: the wish alone can do no harm. Who the caller is, a trusted trunk may assert to
another trusted one, in P-Asserted-Identity; its forerunner Remote-Party-ID stands for it where it is all there is. An
assertion of anybody else is worth nothing and goes no further.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Request

ASSERTED: Final = "P-Asserted-Identity"
REMOTE_PARTY: Final = "Remote-Party-ID"
_BESIDE: Final = ("Diversion", REMOTE_PARTY, "P-Charging-Vector")
"""What crosses between trusted trunks beside identity and privacy."""
_HIDING: Final = frozenset({"id", "user", "header"})
_PARAMETER = re.compile(r';[ \t]*(party|privacy)[ \t]*=[ \t]*"?([a-z]+)', re.IGNORECASE)
_WORDS = re.compile(r"[^;, \t]+")
_LONGEST = 2048
"""Characters of one such header line; a longer one is not there."""
_MOST = 8
"""Lines of one such header that are looked at."""


def withheld(request: Request, trusted: bool) -> bool:
    """Whether the caller's number must not be shown: by Privacy, from whomever, or by the Remote-Party-ID of a trunk
    that is trusted. `Privacy: none` says that it may be, whatever a Remote-Party-ID says."""
    if request.get("privacy") is not None:
        words = {word.lower() for line in _lines(request, "Privacy") for word in _WORDS.findall(line)}
        if not _HIDING.isdisjoint(words):
            return True
        if "none" in words:
            return False
    if not trusted or request.get("remote-party-id") is None:
        return False
    return any("full" in said or "uri" in said for _, said in _remote_parties(request))


def asserted(request: Request) -> list[str]:
    """Who a trusted trunk says that the caller is, a value each: by P-Asserted-Identity, else by Remote-Party-ID."""
    values = [value for line in _lines(request, ASSERTED) for value in split_commas(line)]
    return values or [_address(value) for value, _ in _remote_parties(request)]


def identity(request: Request) -> tuple[tuple[str, str], ...]:
    """The headers that a trusted trunk's INVITE hands to a trusted agent."""
    found = [(ASSERTED, line) for line in _lines(request, ASSERTED)]
    if not found:
        found = [(ASSERTED, value) for value in asserted(request)]
    privacy = _lines(request, "Privacy")
    if not privacy and found and withheld(request, True):
        privacy = ["id"]
    found += [("Privacy", line) for line in privacy]
    return tuple(found + [(name, line) for name in _BESIDE for line in _lines(request, name)])


def _remote_parties(request: Request) -> list[tuple[str, set[str]]]:
    """The Remote-Party-IDs that are about who calls, each with what it wants hidden (draft-ietf-sip-privacy-04)."""
    found = []
    for line in _lines(request, REMOTE_PARTY):
        for value in split_commas(line):
            said = [(name.lower(), word.lower()) for name, word in _PARAMETER.findall(value[value.rfind(">") + 1 :])]
            if ("party", "called") not in said:
                found.append((value, {word for name, word in said if name == "privacy"}))
    return found


def _address(value: str) -> str:
    """The name-addr of a value, without the parameters behind it."""
    end = value.rfind(">")
    return value[: end + 1] if end >= 0 else f"<{value.partition(';')[0].strip()}>"


def _lines(request: Request, name: str) -> list[str]:
    return [line for line in request.headers(name)[:_MOST] if len(line) <= _LONGEST]
