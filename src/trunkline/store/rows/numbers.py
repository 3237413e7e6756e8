"""Phone numbers in the database. The PIN is sealed.

Among live numbers an E.164 is unique in the whole system; in the sandbox, within its organization.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, select, update

from trunkline.model.number import Number, NumberConfig, Supply
from trunkline.store.database.database import Session
from trunkline.store.database.seal import Seal
from trunkline.store.database.tables import NUMBERS

_CONFIG = msgspec.json.Decoder(NumberConfig)
_METADATA = msgspec.json.Decoder(dict[str, str])
_SUPPLY = msgspec.json.Decoder(Supply)
_DEFAULTS = NumberConfig()


class Numbers:
    __slots__ = ("_seal", "_session")

    def __init__(self, session: Session, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def everything(
        self, *, sandbox: bool = False, seen: Callable[[int], None] = lambda numbers: None
    ) -> list[Number]:
        """All outside the sandboxes, or all in them. `seen` is told how many have been read."""
        return await self._all(NUMBERS.c.sandbox == sandbox, seen)

    async def insert_all(self, numbers: Sequence[Number], *, sandbox: bool = False) -> None:
        """All or none, in few statements. Raises `Conflict("e164")` when one is taken, `Conflict("reference")` when
        what one refers to is not there."""
        await self._session.many(insert(NUMBERS), numbers, lambda n: {**self._row(n), "sandbox": sandbox})

    async def update_all(self, numbers: Sequence[Number]) -> None:
        """Put each record in place of the one with its id, in few statements. Raises as `insert_all`."""
        await self._session.many(_UPDATE, numbers, lambda number: {**self._row(number), "of": number.id})

    async def delete_all(self, ids: Sequence[str]) -> None:
        """In few statements."""
        await self._session.many(_DELETE, ids, lambda id_: {"of": id_})

    async def reseal(self) -> int:
        """Seal every PIN with the first key of the key file; how many there were."""
        numbers = await self._all(NUMBERS.c.inbound_pin.is_not(None))
        await self.update_all(numbers)
        return len(numbers)

    async def _all(
        self, where: ColumnElement[bool], seen: Callable[[int], None] = lambda numbers: None
    ) -> list[Number]:
        found: list[Number] = []
        async for rows in self._session.each(select(NUMBERS).where(where), NUMBERS.c.id):
            found += map(self._number, rows)
            seen(len(found))
        return found

    def _row(self, number: Number) -> dict[str, Any]:
        row = structs.asdict(number)
        row["config"] = "" if number.config == _DEFAULTS else msgspec.json.encode(number.config).decode()
        row["metadata"] = msgspec.json.encode(number.metadata).decode() if number.metadata else ""
        row["inbound_pin"] = None if number.inbound_pin is None else self._seal.shut(number.inbound_pin)
        row["supply"] = None if number.supply is None else msgspec.json.encode(number.supply).decode()
        return row

    def _number(self, row: Row[Any]) -> Number:
        fields = dict(row._mapping)
        del fields["sandbox"]
        config, metadata, pin = fields["config"], fields["metadata"], fields["inbound_pin"]
        fields["config"] = _CONFIG.decode(config) if config else _DEFAULTS
        fields["metadata"] = _METADATA.decode(metadata) if metadata else {}
        fields["inbound_pin"] = None if pin is None else self._seal.open_token(pin)
        fields["supply"] = None if fields["supply"] is None else _SUPPLY.decode(fields["supply"])
        return Number(**fields)


_DELETE = delete(NUMBERS).where(NUMBERS.c.id == bindparam("of"))
_UPDATE = (
    update(NUMBERS)
    .where(NUMBERS.c.id == bindparam("of"))
    .values({name: bindparam(name) for name in Number.__struct_fields__ if name != "id"})
)
