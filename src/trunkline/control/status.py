"""How this system is: ready or not and why, how full its tables are, and who is turned away."""

from __future__ import annotations

from trunkline.control.answers import engine_answers, store_answers
from trunkline.control.configuration.state import State
from trunkline.control.ports import Metrics, Readiness, Tables
from trunkline.store.database import errors as store_errors
from trunkline.store.database.paging import Page
from trunkline.store.rows.refusals import Refusal
from trunkline.store.store import Store


class Status:
    __slots__ = ("_state", "_store")

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    async def reasons(self) -> list[str]:
        """Why new calls should not be sent here; empty when they should."""
        try:
            told = await self._state.engine.ask(Readiness())
            found = list(told)
        except ConnectionError:
            found = ["the engine does not answer"]
        try:
            async with self._store.read() as unit:
                await unit.positions.get("")
        except store_errors.Unavailable:
            found.append("the database does not answer")
        return found

    async def tables(self) -> dict[str, int]:
        """Entries in each table. Raises `Unavailable`."""
        with engine_answers():
            return await self._state.engine.ask(Tables())

    async def metrics(self) -> str:
        """Prometheus text. Raises `Unavailable`."""
        with engine_answers():
            return await self._state.engine.ask(Metrics())

    async def refusals(
        self, *, source: str | None, start: float | None, end: float | None, page: int, per_page: int
    ) -> Page[Refusal]:
        """Requests that never became anybody's call, by minute, source and reason, newest first."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.refusals.page(source=source, start=start, end=end, page=page, per_page=per_page)
