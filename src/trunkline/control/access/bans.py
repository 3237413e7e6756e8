"""Who is not heard, and for how long: what the edge decided by itself, and what operators decide.

Bans live in the engine and end with it. A source that goes on earns its ban anew within seconds of a start; one that is
never to be heard belongs into the firewall.
"""

from __future__ import annotations

from typing import Any

from trunkline.call.inputs import AddBan, LiftBan
from trunkline.control import fields
from trunkline.control.answers import engine_answers
from trunkline.control.configuration import audit
from trunkline.control.configuration.state import State
from trunkline.control.errors import Conflict, NotFound, Unavailable
from trunkline.control.ports import Bans as AllBans
from trunkline.control.ports import BanSeen
from trunkline.guard.source import source_named
from trunkline.store.database import errors as store_errors
from trunkline.store.store import Store


class Bans:
    __slots__ = ("_state", "_store")

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    async def all(self) -> tuple[BanSeen, ...]:
        """The bans that hold, newest first. Raises `Unavailable`."""
        with engine_answers():
            return await self._state.engine.ask(AllBans())

    async def add(self, source: str, seconds: float, reason: str) -> BanSeen:
        """Ban a source from now on; it takes the place of a ban that is there. Raises `Invalid`, `Conflict`,
        `Unavailable`."""
        try:
            named = source_named(source)
        except ValueError:
            fields.refuse("source", "This is an IPv4 address, or an IPv6 address or its /64 block.", source)
        await self._told(AddBan(named, reason, seconds))
        found = next((ban for ban in await self.all() if ban.source == named and ban.by == "operator"), None)
        if found is None:
            raise Conflict(
                "source_known",
                "An enabled trunk's calls come from there, or sip.abuse.never names it, or there is no room for more.",
                field="source",
                provided=source,
            )
        said = {"reason": (None, reason), "seconds": (None, seconds)}
        await self._logged("create", found, "The ban holds, but the audit log could not be told of it.", said)
        return found

    async def lift(self, id: str) -> BanSeen:
        """End a ban now. Answers with what it was. Raises `NotFound` and `Unavailable`."""
        found = next((ban for ban in await self.all() if ban.id == id), None)
        if found is None or not await self._told(LiftBan(id)):
            raise NotFound("ban_not_found", "There is no ban with this id; it may have ended.")
        await self._logged("delete", found, "The ban is lifted, but the audit log could not be told of it.")
        return found

    async def _logged(
        self, action: audit.Action, ban: BanSeen, failing: str, changes: dict[str, tuple[Any, Any]] | None = None
    ) -> None:
        """After the fact: what keeps a flood away does not wait for a database. Raises `Unavailable`."""
        state = self._state
        entry = audit.entry(state.mint, state.wall(), None, action, "ban", ban.id, name=ban.source, changes=changes)
        try:
            async with self._store.write() as unit:
                await unit.audit.add([entry])
        except store_errors.Unavailable:
            raise Unavailable("store_unavailable", failing) from None

    async def _told(self, command: AddBan | LiftBan) -> bool:
        with engine_answers():
            return await self._state.engine.command(command)
