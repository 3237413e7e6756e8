"""What a request outside a dialog must hold beyond what `message.parse` reads: its addresses, URIs, and lists
(RFC 3261 §8.1.1, §8.2).

The parser leaves these untyped, because most messages are never asked for them. A new request is, once, before any
state is made for it. Only what routing, dialogs and responses rest on is held to the grammar: an odd Date or a charging
vector nobody here reads is no reason to lose a call (RFC 4475 §3.1.2.12).

The answers that need more than syntax (405, 415, 416, 420, 483) belong to who knows what is supported.
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.sip.address import parse_address
from trunkline.sip.grammar import GrammarError, is_token, split_commas
from trunkline.sip.message import Malformed, Request
from trunkline.sip.uri import UriError, parse_uri

_USUAL: Final = re.compile(
    r"""(?:"[^"\\<>\x00-\x1f\x7f]*+"[ ]?)?
        <sips?:(?:[A-Za-z0-9+*\#._\-]++@)?[A-Za-z0-9_][A-Za-z0-9_.\-]*+(?::[0-9]{1,4}+)?(?:;[A-Za-z0-9=.\-]++)*+>
        (?:;tag=[A-Za-z0-9.\-_~+]++)?""",
    re.VERBOSE,
).fullmatch
"""The shape that nearly every From, To and Contact has. What it matches, `parse_address` and `parse_uri` take too."""

_BOUNDARY: Final = re.compile(r';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]++)"|([^ \t;,"]++))', re.IGNORECASE).search

_TARGETED: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"""Methods that make a dialog, and so must say where its requests go (§8.1.1.8, RFC 6665 §4.1, RFC 3515 §2.2)."""

MOST_VALUES: Final = 64
"""Values of one header: more of them are work without use (the longest real routes have some ten)."""

_ROUTES: Final = ("Route", "Record-Route")
_OPTION_TAGS: Final = ("Require", "Proxy-Require")


def inspect(request: Request) -> Malformed | None:
    """The refusal that a new request's syntax deserves, or None."""
    reason = _request_uri(request.uri) or _party(request, "From") or _party(request, "To")
    if reason is None:
        reason = _contacts(request) or _max_forwards(request) or _lists(request)
    if reason is None and (" " in request.call_id or "\t" in request.call_id):
        reason = "Call-ID holds white space"
    if reason is None and request.body:
        reason = _parts(request)
    return None if reason is None else Malformed(400, reason, request)


def _request_uri(text: str) -> str | None:
    try:
        uri = parse_uri(text)
    except UriError as error:
        return f"Request-URI: {error}"
    # §19.1.1, table 1. To drop them silently would hide from the caller that what it asked for is not done.
    return "the Request-URI holds headers" if uri.headers is not None else None


def _party(request: Request, name: str) -> str | None:
    value = request.header(name)
    if value is None:
        return f"{name} is missing"
    if _USUAL(value):
        return None
    try:
        parse_uri(parse_address(value).uri)
    except GrammarError as error:
        return f"{name}: {error}"
    return None


def _contacts(request: Request) -> str | None:
    contacts = request.headers("Contact")
    targeted = request.method in _TARGETED
    if not contacts:
        return "Contact is missing" if targeted else None
    if len(contacts) == 1 and _USUAL(contacts[0]):
        return None
    first = True
    try:
        for value in _values(request, "Contact"):
            address = parse_address(value)
            if address.uri == "*":
                if request.method != "REGISTER":
                    return "Contact: only a REGISTER says *"
                continue
            uri = parse_uri(address.uri)
            if targeted and first and not (uri.scheme == "sip" or uri.scheme == "sips"):
                return "Contact: not a SIP or SIPS URI"
            first = False
    except GrammarError as error:
        return f"Contact: {error}"
    return "Contact is empty" if targeted and first else None


def _max_forwards(request: Request) -> str | None:
    value = request.header("Max-Forwards")
    if value is None or value == "70":
        return None
    if not (value.isdecimal() and value.isascii()) or len(value) > 8 or int(value) > 255:
        return "Max-Forwards is not a number from 0 to 255"
    return None


def _parts(request: Request) -> str | None:
    """A body of parts that cannot be told apart would be taken for one without an offer (RFC 2046 §5.1.1)."""
    kind = request.get("content-type")
    if kind is None or kind[:10].lower() != "multipart/":
        return None
    match = _BOUNDARY(kind)
    if match is None:
        return "Content-Type: a multipart body needs a boundary"
    delimiter = b"--" + (match[1] or match[2]).encode("utf-8", "surrogateescape")
    return None if delimiter in request.body else "Content-Type: the boundary is not in the body"


def _lists(request: Request) -> str | None:
    name = ""
    try:
        for name in _ROUTES:
            for value in _values(request, name):
                parse_uri(parse_address(value).uri)
        for name in _OPTION_TAGS:
            for tag in _values(request, name):
                if not is_token(tag):
                    raise GrammarError("an option tag is no token")
    except GrammarError as error:
        return f"{name}: {error}"
    return None


def _values(request: Request, name: str) -> list[str]:
    lines = request.headers(name)
    if not lines:
        return lines
    if sum([line.count(",") for line in lines]) > MOST_VALUES:
        raise GrammarError("too many values")
    return [value for line in lines for value in split_commas(line)]
