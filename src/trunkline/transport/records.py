"""What DNS knows, what must be asked of it, and what comes of it: the values of `locate`."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from trunkline.sip.flow import Address, Transport
from trunkline.transport.srv_order import Srv


class Naptr(NamedTuple):
    """One NAPTR record (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Question(NamedTuple):
    name: str
    """In lower case, without a dot at the end."""
    kind: Literal["A", "AAAA", "SRV", "NAPTR"]


class Records(NamedTuple):
    """What is known of one question."""

    hosts: tuple[str, ...] = ()
    """Literal addresses, of A and AAAA."""
    srv: tuple[Srv, ...] = ()
    naptr: tuple[Naptr, ...] = ()
    trouble: str = ""
    """Why nothing is known though it was asked: no server answered."""


class Hop(NamedTuple):
    """One place to try."""

    transport: Transport
    address: Address
    server_name: str
    """The domain that was asked for: what a TLS certificate must bear (RFC 5922 §4)."""


class Nowhere(msgspec.Struct, frozen=True):
    """There is no place to try."""

    reason: str


class Missing(msgspec.Struct, frozen=True):
    """These must be asked first."""

    questions: tuple[Question, ...]
