"""Bindings of devices in the database, for the next process. They are written some time after they were made, many at
once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Row, delete, insert, select

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
        for (trunk_id, key), binding in changed.items():
            where = (BINDINGS.c.trunk_id == trunk_id, BINDINGS.c.key == key)
            await self._session.execute(delete(BINDINGS).where(*where))
            if binding is not None:
                await self._session.execute(insert(BINDINGS).values(**_row(binding)))


def _row(binding: Binding) -> dict[str, Any]:
    row = structs.asdict(binding)
    row["flow"] = _ENCODER.encode(binding.flow).decode()
    row["path"] = _ENCODER.encode(binding.path).decode()
    return row


def _binding(row: Row[Any]) -> Binding:
    fields = dict(row._mapping)
    fields["flow"] = _FLOW.decode(fields["flow"])
    fields["path"] = _PATH.decode(fields["path"])
    return Binding(**fields)
