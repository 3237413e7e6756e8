"""Bindings of devices in the database, for the next process. They are written some time after they were made, many at
once.

What a device said of itself must come back byte for byte, and may be what no database takes: bytes that are no UTF-8,
or a NUL. Such a text is kept as the digits of its bytes, behind a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, bindparam, delete, insert, select

from trunkline.model.binding import Binding
from trunkline.sip.flow import Flow
from trunkline.store.database.database import Session
from trunkline.store.database.tables import BINDINGS

_ENCODER = msgspec.json.Encoder()
_FLOW = msgspec.json.Decoder(Flow)
_PATH = msgspec.json.Decoder(tuple[str, ...])


class Bindings:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self) -> list[Binding]:
        return [_binding(row) for row in await self._session.rows(select(BINDINGS))]

    async def change(self, changed: Mapping[tuple[str, str], Binding | None]) -> None:
        """By trunk and key: what is there now, None for what is gone."""
        await self._session.many(_DELETE, list(changed), lambda place: {"of": place[0], "called": _kept(place[1])})
        await self._session.many(insert(BINDINGS), [each for each in changed.values() if each is not None], _row)


_DELETE = delete(BINDINGS).where(BINDINGS.c.trunk_id == bindparam("of"), BINDINGS.c.key == bindparam("called"))
_SAID = ("key", "contact", "call_id", "instance", "user_agent")
_MARK = "\U0010ffff"
"""A noncharacter: no text that means anything begins with it."""


def _row(binding: Binding) -> dict[str, Any]:
    row = structs.asdict(binding)
    for name in _SAID:
        row[name] = _kept(row[name])
    row["flow"] = _ENCODER.encode(binding.flow).decode()
    row["path"] = _ENCODER.encode(tuple(map(_kept, binding.path))).decode()
    return row


def _binding(row: Row[Any]) -> Binding:
    fields = dict(row._mapping)
    for name in _SAID:
        fields[name] = _said(fields[name])
    fields["flow"] = _FLOW.decode(fields["flow"])
    fields["path"] = tuple(map(_said, _PATH.decode(fields["path"])))
    return Binding(**fields)


def _kept(text: str) -> str:
    octets = text.encode("utf-8", "surrogateescape")
    try:
        plain = octets.decode() == text and "\0" not in text and not text.startswith(_MARK)
    except UnicodeDecodeError:
        plain = False
    return text if plain else _MARK + octets.hex()


def _said(text: str) -> str:
    if not text.startswith(_MARK):
        return text
    return bytes.fromhex(text[1:]).decode("utf-8", "surrogateescape")
