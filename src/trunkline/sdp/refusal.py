"""Why a session description does not pass, and the SIP answer that says so (RFC 3261 §20.43, §21.4.26)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from trunkline.sdp.errors import SdpError

WARN_AGENT = "trunkline"
"""A pseudonym, for the brand to stand in: a host name in a Warning would show the topology."""

_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")
_PHRASES = {400: "Bad Request", 413: "Request Entity Too Large", 488: "Not Acceptable Here", 502: "Bad Gateway"}
_MAX_NAMES = 12


class Refusal(NamedTuple):
    """What to answer instead of passing an SDP on. For an answer that is refused, what the offerer is told."""

    status: int
    phrase: str
    warning: str
    """The value of the Warning header."""
    reason: str
    """A stable word: `no-common-codec`, `media-type`, `media-encryption`, `network-address`, `bad-sdp`, `bad-answer`,
    `no-sdp`."""
    detail: str
    """The sentence for the call log; the text of the warning too."""

    def line(self, agent: str) -> str:
        """The Warning line by which `agent` says it."""
        return f"Warning: {self.warning.replace(WARN_AGENT, agent, 1)}\r\n"


def refuse(status: int, code: int, reason: str, detail: str) -> Refusal:
    """A refusal with this SIP status and warn-code."""
    detail = _UNQUOTABLE.sub("?", detail)[:300]
    return Refusal(status, _PHRASES[status], f'{code} {WARN_AGENT} "{detail}"', reason, detail)


def refuse_malformed(error: SdpError) -> Refusal:
    """An offer that cannot be read."""
    return refuse(error.status, 399, "bad-sdp", str(error))


def refuse_answer(detail: str) -> Refusal:
    """An answer that does not fit its offer: a fault of the side that gave it, so the offerer is told 502."""
    return refuse(502, 399, "bad-answer", detail)


def listed(names: Iterable[str]) -> str:
    """Names for a person to read, each once, bounded in number and length."""
    unique = list(dict.fromkeys(name[:32] for name in names))
    more = f" and {len(unique) - _MAX_NAMES} more" if len(unique) > _MAX_NAMES else ""
    return (", ".join(unique[:_MAX_NAMES]) or "none") + more
