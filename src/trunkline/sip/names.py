"""Names of headers: the forms they are written in, and the key that a header is found by (RFC 3261 §7.3.1, §7.3.3)."""

from __future__ import annotations

from typing import Final

from trunkline.sip.grammar import is_token

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

_USUAL = (
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Length", "Content-Type", "Allow",
    "Supported", "Require", "Route", "Record-Route", "User-Agent", "Server", "Authorization",
    "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Expires", "P-Asserted-Identity",
    "P-Preferred-Identity", "Remote-Party-ID", "P-Called-Party-ID", "P-Charging-Vector", "Privacy", "Diversion",
    "Accept", "Accept-Encoding", "Accept-Language", "Date", "Session-Expires", "Min-SE", "Allow-Events", "Reason",
    "Warning", "Retry-After", "Unsupported", "RAck", "RSeq", "Proxy-Require", "Event", "Subject", "Organization",
    "Timestamp", "Identity", "User-to-User", "Replaces", "Refer-To", "Referred-By",
)  # fmt: skip

NAMES: Final[dict[str, str]] = {
    **{name: name.lower() for name in _USUAL},
    **{name.lower(): name.lower() for name in _USUAL},
    **_COMPACT,
    **{short.upper(): long for short, long in _COMPACT.items()},
}
"""Written form to key; what is not here takes the slow way and is not remembered, lest a stranger fill our memory."""


def key_of(name: str) -> str:
    """The index key of a header name as written, or '' when that is no name."""
    name = name.rstrip(" \t").lower()
    return _COMPACT.get(name, name) if is_token(name) else ""
