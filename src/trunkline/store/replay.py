"""Start-up: what an earlier life of this edge left in its journal and in its open calls.

First all that is in the files and not yet in SQL is moved there. Then every call that is still open is closed as
interrupted. The two sides of an answered call do not know that the edge was away, so their dialogs are handed to the
engine, which ends each with a BYE; only when it has (`Replayed.settle`) are they forgotten. So are those of calls that
ended in the last moments: their BYEs may have died with the process (`partings`). Each step may be cut off anywhere and
repeated: rows are written over themselves, and a second BYE is answered with 481.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

from msgspec import structs

from trunkline.model.call import CallRecord
from trunkline.model.journal import DialogState
from trunkline.store.database.errors import Unavailable
from trunkline.store.events import of_interrupted
from trunkline.store.group import write_group
from trunkline.store.journal.journal import Journal
from trunkline.store.journal.legible import restored, without_nul
from trunkline.store.journal.reader import groups_of, read_segment
from trunkline.store.journal.segments import Position, path_of, segments_in
from trunkline.store.partings import Parted, Partings
from trunkline.store.store import Store, Unit

_GROUP = 1000
_DETAIL = "The edge stopped while the call was going on, and closed it when it started again."


class Replayed(NamedTuple):
    interrupted: list[CallRecord]
    """The calls that this start has closed."""
    dialogs: list[DialogState]
    """What is still to be ended with a BYE: of these calls, of those that had just ended, and of those that an earlier
    start did not come to."""
    position: Position
    """Where the mover goes on."""
    moved: int
    """Entries that were brought into the database."""
    damaged: int
    """Bytes of the files that could not be read: the torn end of a killed process, or a bad disk."""
    unreadable: int
    """Entries that could not be: they are of another version of this program, or not of this one's making."""
    answered: list[str]
    """The calls that `dialogs` belong to."""

    async def settle(self, store: Store) -> None:
        """The BYEs have been sent: nothing is left to do about these calls. Raises `Unavailable`."""
        async with store.write() as unit:
            await unit.open_calls.remove(self.answered)


async def replay(
    journal: Journal, store: Store, *, wall: float, name: str = "main", patience: float = 32.0
) -> Replayed:
    """Bring the journal `name` into the database, close what was open, at `wall` (Unix seconds), and begin a segment.
    Before anything is appended. `patience`: seconds for which a BYE is sent again at most. Raises `Unavailable`."""
    async with store.read() as unit:
        position = start = await unit.positions.get(name)
    segments = await asyncio.to_thread(segments_in, journal.directory)
    if position.segment not in segments:
        # Files go oldest first, so this one would still be here: the database knows nothing of this journal.
        position = Position(0, 0)
    moved = damaged = unreadable = 0
    partings = Partings(patience)
    for segment in segments:
        data = await asyncio.to_thread(read_segment, journal.directory, segment)
        for group in groups_of(data, Position(segment, 0), _GROUP):
            partings.read(group.entries)
            await asyncio.sleep(0)
        if segment < position.segment:
            continue
        offset = position.offset if segment == position.segment else 0
        for group in groups_of(data, Position(segment, offset), _GROUP):
            rejected = await write_group(store, name, group.entries, partial(_place, name, group.end), fresh=False)
            moved += len(group.entries) - rejected
            damaged += group.damaged
            unreadable += group.unreadable + rejected
    journal.writer.begin(after=start.segment)
    position = journal.writer.end
    parted = partings.found()
    async with store.write() as unit:
        await _note(unit, name, parted)
        left = await unit.open_calls.of_journal(name)
        interrupted = [_closed(call.record, wall) for call in left if call.record]
        await unit.calls.write(interrupted)
        await unit.webhooks.note(of_interrupted(interrupted))
        await unit.open_calls.close(call.id for call in left if call.dialogs)
        await unit.open_calls.remove(call.id for call in left if not call.dialogs)
        await unit.positions.place(name, position)
    for segment in segments:
        await asyncio.to_thread(path_of(journal.directory, segment).unlink, missing_ok=True)
    answered = [call for call in left if call.dialogs]
    return Replayed(
        interrupted=interrupted,
        dialogs=[restored(dialog) for call in answered for dialog in call.dialogs],
        position=position,
        moved=moved,
        damaged=damaged,
        unreadable=unreadable,
        answered=[call.id for call in answered],
    )


async def _note(unit: Unit, name: str, parted: Parted) -> None:
    """What `partings` found counts as open again, but for its record. A row that the database does not take, which is a
    bug, keeps no edge from starting."""
    try:
        async with unit.attempt():
            calls = [(without_nul(record), dialogs) for record, dialogs in parted.going + parted.ended]
            await unit.open_calls.write(name, calls)
            await unit.open_calls.close(record.id for record, _ in parted.ended)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - see above
        return


async def _place(name: str, position: Position, unit: Unit) -> None:
    await unit.positions.place(name, position)


def _closed(record: CallRecord, wall: float) -> CallRecord:
    """The call as interrupted. An answered one ends now, with its BYEs, and not when the process died: only now do its
    two sides, and their bills, learn of it."""
    end = max(wall, record.started_at, record.answered_at or 0.0)
    return structs.replace(
        record,
        status="failed" if record.answered_at is None else "completed",
        cause="interrupted",
        detail=_DETAIL,
        hung_up_by=None if record.answered_at is None else "edge",
        ended_at=end,
        legs=tuple(leg if leg.ended_at is not None else structs.replace(leg, ended_at=end) for leg in record.legs),
    )
