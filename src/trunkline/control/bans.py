"""Who is not heard, and for how long: what the edge decided by itself, and what operators decide.

Bans live in the engine and end with it. A source that goes on earns its ban anew within seconds of a start; one that is
never to be heard belongs into the firewall.
"""

from __future__ import annotations

from trunkline.call.inputs import AddBan, LiftBan
from trunkline.control import fields
from trunkline.control.errors import Conflict, NotFound, Unavailable
from trunkline.control.ports import Bans as AllBans
from trunkline.control.ports import BanSeen
from trunkline.control.state import State
from trunkline.guard.source import source_named


class Bans:
    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    async def all(self) -> tuple[BanSeen, ...]:
        """The bans that hold, newest first. Raises `Unavailable`."""
        try:
            return await self._state.engine.ask(AllBans())
        except ConnectionError:
            raise _unreachable() from None

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
        return found

    async def lift(self, id: str) -> BanSeen:
        """End a ban now. Answers with what it was. Raises `NotFound` and `Unavailable`."""
        found = next((ban for ban in await self.all() if ban.id == id), None)
        if found is None or not await self._told(LiftBan(id)):
            raise NotFound("ban_not_found", "There is no ban with this id; it may have ended.")
        return found

    async def _told(self, command: AddBan | LiftBan) -> bool:
        try:
            return await self._state.engine.command(command)
        except ConnectionError:
            raise _unreachable() from None


def _unreachable() -> Unavailable:
    return Unavailable("engine_unavailable", "The engine does not answer now.")
