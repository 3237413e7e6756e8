"""Who an INVITE of ours is for, and how it gets there."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.call.leg.credentials import Credentials
from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Flow, Transport


class Target(NamedTuple):
    """Who is called, and how."""

    uri: str
    """Request-URI."""
    caller: str
    """The From value, without a tag; `{host}` in it stands for our host on the flow that is taken."""
    callee: str
    """The To value."""
    headers: str = ""
    """Whole lines that go with the INVITE."""
    max_forwards: int = 70
    transport: Transport | None = None
    tls: TlsProfile | None = None
    proxy: str | None = None
    """A URI that the INVITE passes first, as a loose Route."""
    nat: bool = False
    credentials: Credentials | None = None
    by_tcp: bool = True
    """Whether an INVITE that is too large for UDP goes by TCP."""
    others: bool = False
    """Whether somebody else is called when nobody answers here."""
    reliable: bool = False
    """Whether an INVITE without an offer may get one in a reliable provisional response."""
    public: bool = False
    """Whether a name that leads to private addresses leads nowhere: a stranger chose it."""
    foreign: str | None = None
    """Where a stranger chose it, the id of the trunk on whose terms it is called, empty for none: a carrier's address,
    unless it is that trunk's, leads nowhere. None where it is configured."""
    route: tuple[str, ...] = ()
    """URIs that it passes first instead."""
    flow: Flow | None = None
    """Where it goes, whatever the URIs say."""
