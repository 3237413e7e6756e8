"""Calls that were diverted on their way (RFC 8946): who diverts one adds a token of the kind `div`, which says from
which number to which. The caller's own token still names whom the caller called; with the diversions it leads to whom
this call asks for.

Each token stands on a certificate of its own. The last one must be fresh; before it may lie the time that a telephone
rang in vain. Tokens within tokens (`div-o`) are not read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from trunkline.identity.passport import Flaw, Passport
from trunkline.identity.verify import FRESH, about

KIND: Final = "div"
RANG: Final = 300.0
"""Seconds that may lie between a token and the diversion that follows it."""


def way(own: Passport, diversions: Sequence[Passport], destinations: Collection[str]) -> tuple[Passport, ...]:
    """The caller's own token, and those of the diversions from whom it calls to one of `destinations`, in order; as far
    as they lead."""
    found = [own]
    while not any(number in destinations for number in found[-1].destinations):
        last = found[-1].destinations
        step = next((one for one in diversions if one.diverted in last and one not in found), None)
        if step is None:
            break
        found.append(step)
    return tuple(found)


def doubt(
    tokens: Sequence[Passport], wall: float, origins: Collection[str], destinations: Collection[str]
) -> Flaw | None:
    """What is wrong with a way before any certificate is asked for. `origins` and `destinations`: who calls and who is
    called, digits alone."""
    flaw = about(tokens[-1], wall, origins, destinations)
    for one, following in pairwise(tokens):
        if flaw is not None:
            break
        if one.origin not in origins:
            flaw = Flaw(438, "the token is about another caller")
        elif not -FRESH <= following.issued_at - one.issued_at <= RANG:
            flaw = Flaw(403, "the token is not fresh")
    return flaw
