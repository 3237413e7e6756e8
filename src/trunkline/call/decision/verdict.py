"""What arrival says about an INVITE, and by which rules of the operator. The refusals have a file of their own."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from trunkline.call.decision.refusals import Refused
from trunkline.guard.rate import Rate
from trunkline.model.call import Direction
from trunkline.model.number import Number
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.registrar.terms import Terms
from trunkline.routing.outbound import Carrier
from trunkline.routing.select import Candidate


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator of the edge decides, for all organizations."""

    domain: str = ""
    """The edge's name, below which each trunk has its endpoint; empty: none."""
    unknown_source: Literal["challenge", "reject", "drop"] = "challenge"
    """What a request from a source of no trunk gets: a challenge, if any trunk could pass one, else 403; always 403;
    no answer."""
    source_rate: Rate | None = None
    """New calls that one source address may bring."""
    max_calls: int | None = None
    registrar: Terms = Terms()
    """What may be asked of our registrar."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The call is taken."""

    trunk: Trunk
    number: Number
    candidates: tuple[Candidate, ...]
    """Of an inbound call: at least one, in the order to try."""
    caller: str | None
    """E.164 where it is a number, else as received; None when withheld."""
    callee: str
    """The number, E.164; an emergency number as it was dialled."""
    identified_by: str
    """What told the trunk from others; a word of `trunk.identify`."""
    carriers: tuple[Carrier, ...] = ()
    """Of an outbound call, instead of `candidates`: at least one, in the order to try. `number` is then the calling
    one."""
    agent_id: str | None = None
    """The agent that dials out, where it is known."""
    rules: OutboundRules | None = None
    """Whose limits an outbound call counts against; None for an emergency call, which counts against none."""
    private: bool = False
    """Whether an outbound call's number is not to be shown to who is called (RFC 3323)."""

    @property
    def direction(self) -> Direction:
        return "outbound" if self.carriers else "inbound"


class Challenged(msgspec.Struct, frozen=True, kw_only=True):
    """401: prove who you are."""

    step: str
    stale: bool
    """The password was right and the nonce was not."""
    trunk: Trunk | None
    """The one that it would be from; None when only credentials will tell."""
    detail: str
    mend: str


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """No answer at all: there is no way to tell that somebody is here."""

    step: str
    detail: str
    mend: str


Verdict = Admitted | Refused | Challenged | Dropped


class Note(NamedTuple):
    """A step that was passed."""

    step: str
    seen: str


Notes = list[Note]
