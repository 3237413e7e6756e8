"""What call transfer says in headers and bodies: Refer-To (RFC 3515 §2.1), Replaces (RFC 3891 §6.1), Referred-By
(RFC 3892 §2.1), Refer-Sub (RFC 4488 §4), Subscription-State (RFC 6665 §8.2.3), and the fragment of a SIP message by
which the outcome is told (RFC 3420).

A Refer-To may hold the headers of the request it asks for. Which of them are followed is not decided here; a method
other than INVITE is read, and no transfer.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from trunkline.sip.address import parse_address
from trunkline.sip.grammar import GrammarError, param, parse_params, split_commas, unescape
from trunkline.sip.status import phrase
from trunkline.sip.uri import Uri, parse_uri

LONGEST: Final = 2048
"""Characters of one Refer-To or Referred-By value; a longer one is no address of a telephone."""
MOST_HEADERS: Final = 16
"""Headers that a Refer-To may ask for."""
SIPFRAG: Final = "message/sipfrag"

_STATUS = re.compile(rb"SIP/2\.0[ \t]+([1-6][0-9]{2})[ \t]*([^\r\n]*)").match
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


class ReferError(GrammarError):
    """The value asks for nothing that can be done. The message says why and never quotes the value."""


class Replaces(NamedTuple):
    """The dialog that an INVITE takes the place of, as its receiver knows it (RFC 3891 §3)."""

    call_id: str
    to_tag: str
    """The tag of the side that receives the Replaces."""
    from_tag: str
    """The tag of that side's peer. `0` for a peer of RFC 2543, which has none."""
    early_only: bool = False

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


class ReferTo(NamedTuple):
    """Whom a REFER asks to call."""

    uri: Uri
    """Without the headers, and without a method."""
    replaces: Replaces | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """The other headers that it asks for, their escapes undone, as they came."""


class Subscription(NamedTuple):
    """A Subscription-State."""

    state: str
    """`active`, `pending`, `terminated`, or a word that an extension brings; in lower case."""
    expires: int | None = None
    """Seconds."""
    reason: str = ""


def parse_refer_to(value: str) -> ReferTo:
    """Read the Refer-To of a REFER. Raises ReferError."""
    if len(value) > LONGEST:
        raise ReferError("Refer-To is too long")
    targets = split_commas(value)
    if len(targets) != 1:
        raise ReferError(f"Refer-To names {'more than one' if targets else 'no'} target")
    try:
        uri = parse_uri(parse_address(value).uri)
    except GrammarError as error:
        raise ReferError(f"Refer-To: {error}") from None
    method = uri.param("method")
    if method is not None and method.upper() != "INVITE":
        raise ReferError("Refer-To asks for another method than INVITE")
    kept = tuple([pair for pair in uri.params if pair[0] != "method"])
    target = uri._replace(headers=None, params=kept)
    replaces: Replaces | None = None
    others: list[tuple[str, str]] = []
    for name, said in _headers(uri.headers):
        if name.lower() == "replaces":
            if replaces is not None:
                raise ReferError("Refer-To has two Replaces")
            replaces = parse_replaces(said)
        else:
            others.append((name, said))
    return ReferTo(target, replaces, tuple(others))


def parse_replaces(value: str) -> Replaces:
    """Read a Replaces value. Raises ReferError: both tags must be there, each once (RFC 3891 §6.1)."""
    call_id, semicolon, rest = value.strip(" \t").partition(";")
    call_id = call_id.strip(" \t")
    if not call_id or " " in call_id or "\t" in call_id or "," in value:
        raise ReferError("Replaces names no dialog")
    try:
        params = parse_params(semicolon + rest.strip(" \t"))
    except GrammarError:
        raise ReferError("the parameters of Replaces are malformed") from None
    names = [name for name, _ in params]
    to_tag, from_tag = param(params, "to-tag"), param(params, "from-tag")
    if not to_tag or not from_tag or names.count("to-tag") != 1 or names.count("from-tag") != 1:
        raise ReferError("Replaces needs one to-tag and one from-tag")
    return Replaces(call_id, to_tag, from_tag, "early-only" in names)


def parse_referred_by(value: str) -> str:
    """A Referred-By, fit to be sent on: the address alone, because the body that its `cid` names does not cross. Raises
    ReferError."""
    if len(value) > LONGEST:
        raise ReferError("Referred-By is too long")
    try:
        address = parse_address(value)
        uri = parse_uri(address.uri)
    except GrammarError as error:
        raise ReferError(f"Referred-By: {error}") from None
    if uri.headers is not None:
        raise ReferError("Referred-By holds headers")
    return str(address._replace(params=()))


def wants_no_subscription(value: str | None) -> bool:
    """Whether a Refer-Sub says that nobody wants to be told of the outcome."""
    return value is not None and value.partition(";")[0].strip(" \t").lower() == "false"


def parse_subscription(value: str) -> Subscription:
    """Read a Subscription-State. Raises ReferError."""
    state, semicolon, rest = value.strip(" \t").partition(";")
    state = state.strip(" \t").lower()
    if not state:
        raise ReferError("Subscription-State is empty")
    try:
        params = parse_params(semicolon + rest.strip(" \t"))
    except GrammarError:
        raise ReferError("the parameters of Subscription-State are malformed") from None
    expires = param(params, "expires")
    seconds = int(expires) if expires and expires.isdecimal() and expires.isascii() and len(expires) < 10 else None
    return Subscription(state, seconds, (param(params, "reason") or "").lower())


def parse_event(value: str) -> tuple[str, str]:
    """The package of an Event header in lower case, and its `id`, empty for none (RFC 6665 §8.2.1)."""
    package, semicolon, rest = value.strip(" \t").partition(";")
    try:
        params = parse_params(semicolon + rest.strip(" \t"))
    except GrammarError:
        params = ()
    return package.strip(" \t").lower(), param(params, "id") or ""


def sipfrag(status: int, words: str = "") -> bytes:
    """The body of a NOTIFY: a status line and nothing else. More of the response would show the other side's
    topology."""
    return f"SIP/2.0 {status} {_UNSAFE.sub(' ', words) or phrase(status)}\r\n".encode("utf-8", "surrogateescape")


def read_sipfrag(body: bytes) -> tuple[int, str] | None:
    """Status and phrase of the status line that a fragment begins with; None when it begins otherwise."""
    match = _STATUS(body.lstrip(b"\r\n"))
    if match is None:
        return None
    return int(match[1]), match[2].decode("utf-8", "replace").strip()[:128]


def _headers(text: str | None) -> list[tuple[str, str]]:
    if not text:
        return []
    parts = text.split("&")
    if len(parts) > MOST_HEADERS:
        raise ReferError("Refer-To asks for too many headers")
    found = []
    for part in parts:
        name, equals, value = part.partition("=")
        name, value = unescape(name), unescape(value)
        if not equals or not name or _UNSAFE.search(name) or _UNSAFE.search(value):
            # A line end here would write a header of its own into our INVITE.
            raise ReferError("a header in Refer-To is malformed")
        found.append((name, value))
    return found
