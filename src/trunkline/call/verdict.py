"""What arrival says about an INVITE, and by which rules of the operator. The refusals have a file of their own."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from trunkline.call.refusals import Refused
from trunkline.guard.rate import Rate
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
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


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The call is taken."""

    trunk: Trunk
    number: Number
    candidates: tuple[Candidate, ...]
    """At least one, in the order to try."""
    caller: str | None
    """E.164 where it is a number, else as received; None when withheld."""
    callee: str
    """The number, E.164."""
    identified_by: str
    """What told the trunk from others; a word of `trunk.identify`."""


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
