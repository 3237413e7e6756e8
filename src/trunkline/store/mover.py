"""Carrying the journal into SQL, in groups, off the hot path.

The position up to which the journal is in the database moves in the transaction that writes the rows, and only from
where it is expected to be: however often a group is tried, it is written once. While the database fails, the journal
keeps everything; the mover tries again with growing pauses, and reads from the file what memory has not held.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from trunkline.model.journal import JournalEntry
from trunkline.store.database.errors import StoreError, Unavailable
from trunkline.store.group import write_group
from trunkline.store.journal.journal import Journal
from trunkline.store.journal.reader import groups_of, read_segment
from trunkline.store.journal.segments import HEADER, Position
from trunkline.store.store import Store, Unit

_LONGEST_PAUSE = 10.0
_GROUP = 500
"""Entries a transaction: the loop and other writers wait no longer than that takes."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the record of calls is being kept. What readiness and metrics show."""

    journal: str
    """Why the journal cannot be written; empty while it can."""
    database: str
    """Why the journal cannot be moved into the database; empty while it can."""
    waiting_bytes: int
    """What waits in memory for the disk."""
    waiting_entries: int
    """What waits in memory for the database."""
    behind: bool
    """Whether more waits in the file."""
    dropped: int
    """Entries that were lost because both failed for too long."""
    rejected: int
    """Entries that the database would not take: a bug."""

    @property
    def ok(self) -> bool:
        return not self.journal and not self.database


class Mover:
    """`run` it as a task; `stop` moves what is left and ends it."""

    __slots__ = (
        "_at",
        "_busy",
        "_fresh",
        "_interval",
        "_journal",
        "_moving",
        "_name",
        "_reason",
        "_rejected",
        "_settled",
        "_settling",
        "_stop",
        "_store",
        "_tried",
    )

    def __init__(
        self, journal: Journal, store: Store, *, at: Position, name: str = "main", interval: float = 1.0
    ) -> None:
        """`at` is the position that `replay` has come to; `name` tells the journals of one database apart; `interval`
        is in seconds."""
        self._journal = journal
        self._store = store
        self._at = at
        self._name = name
        self._interval = interval
        self._reason = ""
        self._rejected = 0
        self._fresh = True
        self._tried: list[Position] = []
        self._busy = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._settled = 0
        self._moving: asyncio.Future[None] | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Move at each interval until `stop`; after a failure, at growing ones."""
        pause = self._interval
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            try:
                await self.flush()
                pause = self._interval
            except StoreError:
                pause = min(2 * pause, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Let `run` move what is left, once, and return."""
        self._stop.set()

    async def flush(self) -> None:
        """Move all that is there now. What was appended before is then in the database. Raises `Unavailable`."""
        async with self._busy:
            try:
                await self._move()
            except BaseException as error:
                self._fresh = False
                if isinstance(error, StoreError):
                    self._reason = str(error)
                raise
            self._fresh = True
            self._reason = ""

    async def settle(self) -> None:
        """As `flush`, for readers, of whom there may be hundreds a second: those that ask while one is served share the
        next move. Who is cancelled, and waits no longer, disturbs no move: it goes on, and the next begins after it."""
        if not (self._journal.fresh or self._journal.behind or self._busy.locked()):
            return
        before = self._settled
        async with self._settling:
            if self._settled > before:
                return  # it began after this one had asked
            if self._moving is not None:
                await asyncio.wait((self._moving,))
            self._settled += 1
            self._moving = asyncio.ensure_future(self.flush())
            try:
                await asyncio.shield(self._moving)
            except BaseException:
                self._settled -= 1
                raise

    def health(self) -> Health:
        journal = self._journal
        return Health(
            journal=journal.reason,
            database=self._reason,
            waiting_bytes=journal.waiting,
            waiting_entries=journal.fresh,
            behind=journal.behind,
            dropped=journal.dropped,
            rejected=self._rejected,
        )

    async def _move(self) -> None:
        journal = self._journal
        journal.retry()
        if journal.behind:
            await self._read_file()
        taken = journal.take()
        try:
            for start in range(0, len(taken.entries), _GROUP):
                last = start + _GROUP >= len(taken.entries)
                # Only the last group has a place in the file. A retry of the others finds the same rows there.
                await self._write(taken.entries[start : start + _GROUP], taken.end if last else self._at)
            if taken.end.segment != self._at.segment:
                await self._write([], taken.end)
        except BaseException:
            journal.give_back(taken)
            raise
        journal.moved(taken)
        journal.writer.rotate_when_old()
        if finished := journal.writer.finished_before(self._at):
            await asyncio.to_thread(_unlink, finished)

    async def _read_file(self) -> None:
        """Move from the file until its end is reached; the end may go on moving meanwhile."""
        while not self._journal.caught_up(self._at):
            segment = self._at.segment
            current = self._journal.writer.end
            data = await asyncio.to_thread(read_segment, self._journal.directory, segment)
            if segment == current.segment:
                data = data[: current.offset]
            for group in groups_of(data, self._at, _GROUP):
                await self._write(group.entries, group.end)
                self._rejected += group.unreadable
            await self._write([], current if segment == current.segment else Position(segment + 1, len(HEADER)))

    async def _write(self, entries: Sequence[JournalEntry], end: Position) -> None:
        if not entries and end == self._at:
            return

        async def place(unit: Unit) -> None:
            if await unit.positions.advance(self._name, self._at, end):
                return
            # A commit whose answer was lost is where one of the tries meant to be; which of them it was, none of those
            # that came after it knows. Anywhere else somebody has taken the journal.
            for tried in self._tried:
                if await unit.positions.advance(self._name, tried, end):
                    return
            raise Unavailable(f"another process moves the journal {self._name!r}")

        try:
            self._rejected += await write_group(self._store, self._name, entries, place, fresh=self._fresh)
        except BaseException:
            if end not in self._tried:
                self._tried.append(end)
            raise
        self._at = end
        self._tried.clear()


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        # What stays is deleted by the next start.
        with contextlib.suppress(OSError):
            path.unlink()
