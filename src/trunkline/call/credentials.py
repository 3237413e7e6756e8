"""What a leg answers its peer's challenges with (RFC 3261 §22.2)."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.model.secret import Secret
from trunkline.sip.digest import AUTHORIZATION, answer
from trunkline.sip.message import Response


class Credentials(NamedTuple):
    username: str
    password: Secret
    realm: str | None = None
    """The only realm they are for; any when None."""


def authorize(credentials: Credentials, response: Response, method: str, uri: str, cnonce: str) -> str | None:
    """The header line that answers a 401 or 407, or None when none of its challenges can be answered."""
    for asks, answers in AUTHORIZATION.items():
        values = response.headers(asks)
        if not values:
            continue
        value = answer(
            values, method, uri, credentials.username, credentials.password.reveal(), cnonce, realm=credentials.realm
        )
        if value is not None:
            return f"{answers}: {value}\r\n"
    return None
