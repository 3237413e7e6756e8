"""Writing a group of journal entries into the database: all of them with the journal's position, or none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec import structs

from trunkline.model.journal import JournalEntry
from trunkline.store.collapse import Collapsed, collapse
from trunkline.store.database.errors import Unavailable
from trunkline.store.events import of_group
from trunkline.store.journal.legible import without_nul
from trunkline.store.store import Store, Unit


async def write_group(
    store: Store,
    journal: str,
    entries: Sequence[JournalEntry],
    place: Callable[[Unit], Awaitable[None]],
    *,
    fresh: bool,
) -> int:
    """One transaction: what `place` does about the position, and what the entries of the journal come to (`fresh` as in
    `collapse`). Returns how many entries the database would not take, which is 0 unless there is a bug: then each is
    tried alone, for one call must not keep all others out. Raises `Unavailable`."""
    try:
        async with store.write() as unit:
            await place(unit)
            await _write(unit, journal, entries, fresh)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - see above
        return await _write_singly(store, journal, entries, place)
    return 0


async def _write_singly(
    store: Store, journal: str, entries: Sequence[JournalEntry], place: Callable[[Unit], Awaitable[None]]
) -> int:
    rejected = 0
    async with store.write() as unit:
        await place(unit)
        for entry in entries:
            readable = structs.replace(entry, record=without_nul(entry.record))
            rejected += not (await _attempt(unit, journal, entry) or await _attempt(unit, journal, readable))
    return rejected


async def _attempt(unit: Unit, journal: str, entry: JournalEntry) -> bool:
    try:
        async with unit.attempt():
            await _write(unit, journal, [entry], False)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - see above
        return False
    return True


async def _write(unit: Unit, journal: str, entries: Sequence[JournalEntry], fresh: bool) -> None:
    group = collapse(entries, fresh=fresh)
    await _tell(unit, entries, group)
    await unit.calls.write(group.ended, fresh=fresh)
    await unit.open_calls.write(journal, group.opened)
    await unit.open_calls.remove(group.no_longer_open)


async def _tell(unit: Unit, entries: Sequence[JournalEntry], group: Collapsed) -> None:
    """Note the events for webhooks, before the rows of open calls go: they say which calls had begun."""
    if not entries:
        return
    wanted = await unit.webhooks.wanted({entry.record.organization_id for entry in entries})
    if not wanted:
        return
    known = await unit.open_calls.known([call.id for call in group.ended])
    await unit.webhooks.note(of_group(entries, group, known), wanted=wanted)
