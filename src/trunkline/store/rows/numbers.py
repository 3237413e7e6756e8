"""Phone numbers in the database. The PIN is sealed.

Among live numbers an E.164 is unique in the whole system; in the sandbox, within its organization.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Row, bindparam, delete, false, func, insert, select, update

from trunkline.model.number import Number, NumberConfig, Supply
from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page, page_of
from trunkline.store.database.seal import Seal
from trunkline.store.database.tables import NUMBERS, TRUNKS

_CONFIG = msgspec.json.Decoder(NumberConfig)
_METADATA = msgspec.json.Decoder(dict[str, str])
_SUPPLY = msgspec.json.Decoder(Supply)
_DEFAULTS = NumberConfig()
_CHUNK = 500


class Numbers:
    __slots__ = ("_seal", "_session")

    def __init__(self, session: Session, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def get(self, id_: str, *, organization: str | None) -> Number | None:
        """None also when it is another organization's; `organization` None asks for an operator, who sees all."""
        where = [NUMBERS.c.id == id_]
        if organization is not None:
            where.append(NUMBERS.c.organization_id == organization)
        row = await self._session.first(select(NUMBERS).where(*where))
        return self._number(row) if row else None

    async def by_e164(self, e164: str, *, sandbox_of: str | None = None) -> Number | None:
        """The live number of the system, or the one in an organization's sandbox."""
        where = [NUMBERS.c.e164 == e164, NUMBERS.c.sandbox == (sandbox_of is not None)]
        if sandbox_of is not None:
            where.append(NUMBERS.c.organization_id == sandbox_of)
        row = await self._session.first(select(NUMBERS).where(*where))
        return self._number(row) if row else None

    async def taken(self, e164s: Sequence[str]) -> set[str]:
        """Those of `e164s` that are live numbers already, whoever has them."""
        found: set[str] = set()
        for start in range(0, len(e164s), _CHUNK):
            part = NUMBERS.c.e164.in_(e164s[start : start + _CHUNK])
            rows = await self._session.rows(select(NUMBERS.c.e164).where(part, NUMBERS.c.sandbox == false()))
            found.update(row.e164 for row in rows)
        return found

    async def page(
        self,
        *,
        organization: str | None,
        trunk_id: str | None = None,
        agent_id: str | None = None,
        states: Sequence[str] | None = None,
        provider: str | None = None,
        sandbox: bool = False,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Number]:
        """In the order they were made. `provider` is that of the number's trunk (seed words: its engine)."""
        where: list[ColumnElement[bool]] = [NUMBERS.c.sandbox == sandbox]
        if organization is not None:
            where.append(NUMBERS.c.organization_id == organization)
        if trunk_id is not None:
            where.append(NUMBERS.c.trunk_id == trunk_id)
        if agent_id is not None:
            where.append(NUMBERS.c.agent_id == agent_id)
        if states is not None:
            where.append(NUMBERS.c.state.in_(states))
        if provider is not None:
            where.append(NUMBERS.c.trunk_id.in_(select(TRUNKS.c.id).where(TRUNKS.c.provider == provider)))
        rows, total = await page_of(self._session, NUMBERS, where, (NUMBERS.c.id,), page, per_page)
        return Page([self._number(row) for row in rows], total)

    async def on_trunk(self, trunk_id: str) -> list[Number]:
        return await self._all(NUMBERS.c.trunk_id == trunk_id)

    async def with_agent(self, agent_id: str) -> list[Number]:
        return await self._all(NUMBERS.c.agent_id == agent_id)

    async def everything(
        self, *, sandbox: bool = False, seen: Callable[[int], None] = lambda numbers: None
    ) -> list[Number]:
        """All outside the sandboxes, or all in them. `seen` is told how many have been read."""
        return await self._all(NUMBERS.c.sandbox == sandbox, seen)

    async def counts(self, trunk_ids: Iterable[str]) -> dict[str, int]:
        """How many numbers are on each trunk; a trunk without any is absent."""
        statement = select(NUMBERS.c.trunk_id, func.count().label("numbers")).group_by(NUMBERS.c.trunk_id)
        rows = await self._session.rows(statement.where(NUMBERS.c.trunk_id.in_(list(trunk_ids))))
        return {row.trunk_id: row.numbers for row in rows}

    async def insert(self, number: Number, *, sandbox: bool = False) -> None:
        """Raises `Conflict("e164")` when it is taken, `Conflict("reference")` when what it refers to is not there."""
        await self.insert_all([number], sandbox=sandbox)

    async def insert_all(self, numbers: Sequence[Number], *, sandbox: bool = False) -> None:
        """All or none, in few statements. Raises as `insert`."""
        await self._session.many(insert(NUMBERS), numbers, lambda n: {**self._row(n), "sandbox": sandbox})

    async def update(self, number: Number) -> bool:
        """Put the record in place of the one with its id; False when there is none. Raises as `insert`."""
        statement = update(NUMBERS).where(NUMBERS.c.id == number.id).values(self._row(number))
        return (await self._session.execute(statement)).rowcount > 0

    async def update_all(self, numbers: Sequence[Number]) -> None:
        """Put each record in place of the one with its id, in few statements. Raises as `insert`."""
        await self._session.many(_UPDATE, numbers, lambda number: {**self._row(number), "of": number.id})

    async def delete(self, id_: str) -> bool:
        return (await self._session.execute(delete(NUMBERS).where(NUMBERS.c.id == id_))).rowcount > 0

    async def delete_all(self, ids: Sequence[str]) -> None:
        """In few statements."""
        await self._session.many(_DELETE, ids, lambda id_: {"of": id_})

    async def reseal(self) -> int:
        """Seal every PIN with the first key of the key file; how many there were."""
        numbers = await self._all(NUMBERS.c.inbound_pin.is_not(None))
        for number in numbers:
            await self.update(number)
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
