"""What a leg answers its peer's challenges with (RFC 3261 §22.2)."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.model.secret import Secret
from trunkline.sip.digest import AUTHORIZATION, answer, choose
from trunkline.sip.grammar import quote
from trunkline.sip.message import Response


class Credentials(NamedTuple):
    username: str
    password: Secret
    realm: str | None = None
    """The only realm they are for; any when None."""


MOST_CHALLENGES = 4
"""Challenges of one request that are answered: one of each hop that asks, and some nonces that grew too old."""


class Shown(NamedTuple):
    """The credentials that a request carries."""

    lines: tuple[str, ...] = ()
    """Header lines, one for each realm that asked."""
    challenges: int = 0
    """How many were answered."""

    def __str__(self) -> str:
        return "".join(self.lines)


def authorize(
    credentials: Credentials, response: Response, method: str, uri: str, cnonce: str, shown: Shown
) -> Shown | None:
    """What answers a 401 or 407 to a request that carried `shown`; None when none of its challenges can be answered.

    Who refuses credentials asks again: that is no reason to show them again, unless only their nonce was too old
    (RFC 7616 §3.3). A proxy and the agent behind it may each ask, and are then both answered (RFC 3261 §22.3).
    """
    if shown.challenges >= MOST_CHALLENGES:
        return None
    for asks, answers in AUTHORIZATION.items():
        values = response.headers(asks)
        if not values:
            continue
        asked = choose(values, credentials.realm)
        if asked is None:
            continue
        realm = f"realm={quote(asked.realm)},"
        others = tuple([line for line in shown.lines if not line.startswith(f"{answers}:") or realm not in line])
        if len(others) < len(shown.lines) and not asked.stale:
            continue
        value = answer(
            values, method, uri, credentials.username, credentials.password.reveal(), cnonce, realm=credentials.realm
        )
        if value is not None:
            return Shown((*others, f"{answers}: {value}\r\n"), shown.challenges + 1)
    return None
