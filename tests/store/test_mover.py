from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.samples import ORGANIZATION, WALL, call, dialog
from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Began, Ended
from trunkline.store.database.errors import Unavailable
from trunkline.store.journal.journal import Journal
from trunkline.store.journal.segments import segments_in
from trunkline.store.mover import Mover
from trunkline.store.replay import replay
from trunkline.store.store import Store, Unit


class Edge:
    """A journal and its mover over a store, as a running edge has them."""

    def __init__(self, journal: Journal, mover: Mover, store: Store) -> None:
        self.journal = journal
        self.mover = mover
        self.store = store

    async def log(self) -> list[CallRecord]:
        async with self.store.read() as unit:
            return (await unit.calls.page(organization=ORGANIZATION.id, per_page=10_000)).rows[::-1]

    async def logged(self) -> None:
        """Wait until there is something in the log."""
        while not await self.log():  # noqa: ASYNC110 - the database gives no sign
            await asyncio.sleep(0.005)


async def started(store: Store, directory: Path, **options: int) -> Edge:
    journal = Journal.open(directory, **options)  # type: ignore[arg-type]
    replayed = await replay(journal, store, wall=WALL + 5000)
    return Edge(journal, Mover(journal, store, at=replayed.position, interval=0.01), store)


@pytest.fixture
async def edge(store: Store, tmp_path: Path) -> AsyncIterator[Edge]:
    edge = await started(store, tmp_path / "journal", segment_bytes=20_000, max_fresh=60)
    yield edge
    edge.journal.close()


class Faulty(Store):
    """A store whose database says that it failed, before a commit or after it."""

    __slots__ = ("after", "before")
    before: int
    after: int
    """How many transactions fail before their commit, then how many after it."""

    @classmethod
    def over(cls, store: Store) -> Faulty:
        faulty = cls(store.database, store.seal)
        faulty.before = faulty.after = 0
        return faulty

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        async with super().write() as unit:
            yield unit
            if self.before:
                self.before -= 1
                raise Unavailable("the disk is full")
        if self.after:
            self.after -= 1
            raise Unavailable("the connection was lost")


class Counting(Store):
    """A store that counts its transactions."""

    __slots__ = ("writes",)
    writes: int

    @classmethod
    def over(cls, store: Store) -> Counting:
        counting = cls(store.database, store.seal)
        counting.writes = 0
        return counting

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        self.writes += 1
        async with super().write() as unit:
            yield unit


async def test_a_call_is_in_the_log_from_its_beginning_to_its_end(edge: Edge) -> None:
    states = (
        Began(call(100, ended=False, answered=False)),
        Answered(call(100, ended=False), (dialog(),)),
        Ended(call(100)),
    )
    for state in states:
        edge.journal.append([state])
        await edge.mover.flush()
        assert await edge.log() == [state.record]
    async with edge.store.read() as unit:
        assert await unit.open_calls.of_journal("main") == []


async def test_nothing_new_is_no_work(edge: Edge) -> None:
    await edge.mover.flush()
    async with edge.store.write():
        # Nobody else can write now; nothing is to be written.
        await edge.mover.flush()


async def test_readers_share_what_they_wait_for(edge: Edge) -> None:
    counting = Counting.over(edge.store)
    edge.mover = Mover(edge.journal, counting, at=edge.journal.writer.end)

    async def read(number: int) -> None:
        edge.journal.append([Ended(call(number))])
        await edge.mover.settle()
        async with edge.store.read() as unit:
            assert await unit.calls.get(call(number).id, organization=None) is not None

    await read(0)
    for start in range(1, 101, 10):
        await asyncio.gather(*[read(number) for number in range(start, start + 10)])
    assert len(await edge.log()) == 101
    assert counting.writes < 60
    writes = counting.writes
    await edge.mover.settle()
    assert counting.writes == writes


async def test_readers_that_wait_no_longer_are_let_go_at_once_and_disturb_no_move(
    edge: Edge, url: str, tmp_path: Path
) -> None:
    other = await Store.open(url, tmp_path / "secret.key")
    edge.journal.append([Ended(call(1))])
    async with other.write():
        # Nothing can be moved for now, and a move that has begun cannot be torn off.
        readers = [asyncio.create_task(asyncio.wait_for(edge.mover.settle(), 0.05)) for _ in range(20)]
        await asyncio.wait(readers, timeout=5)
        assert all(reader.done() and isinstance(reader.exception(), TimeoutError) for reader in readers)
    await edge.mover.settle()
    assert await edge.log() == [call(1)]
    assert edge.mover.health().ok
    await other.close()


async def test_a_reader_is_told_when_nothing_can_be_moved(edge: Edge) -> None:
    faulty = Faulty.over(edge.store)
    edge.mover = Mover(edge.journal, faulty, at=edge.journal.writer.end)
    faulty.before = 2
    edge.journal.append([Ended(call(1))])
    told = await asyncio.gather(*[edge.mover.settle() for _ in range(3)], return_exceptions=True)
    assert [type(each) for each in told] == [Unavailable, Unavailable, type(None)]
    assert len(await edge.log()) == 1


async def test_files_go_when_their_entries_are_moved(edge: Edge, tmp_path: Path) -> None:
    for place in range(100, 200):
        edge.journal.append([Ended(call(place))])
        if place % 10 == 9:
            await edge.mover.flush()
    assert len(segments_in(tmp_path / "journal")) == 1
    assert await edge.log() == [call(place) for place in range(100, 200)]


async def test_what_memory_did_not_hold_is_read_from_the_files(edge: Edge, tmp_path: Path) -> None:
    for place in range(100, 300):
        edge.journal.append([Began(call(place, ended=False)), Ended(call(place))])
    assert edge.journal.behind
    assert len(segments_in(tmp_path / "journal")) > 3
    assert edge.mover.health().behind
    await edge.mover.flush()
    assert not edge.mover.health().behind
    assert len(segments_in(tmp_path / "journal")) == 1
    assert await edge.log() == [call(place) for place in range(100, 300)]
    edge.journal.append([Ended(call(300))])
    await edge.mover.flush()
    assert len(await edge.log()) == 201


async def test_a_failing_database_delays_and_loses_nothing(edge: Edge) -> None:
    faulty = Faulty.over(edge.store)
    mover = Mover(edge.journal, faulty, at=edge.journal.writer.end)
    edge.journal.append([Began(call(100, ended=False)), Ended(call(101))])
    faulty.before = 2
    for _ in range(2):
        with pytest.raises(Unavailable):
            await mover.flush()
        assert not mover.health().ok
        assert mover.health().database == "the disk is full"
        assert await edge.log() == []
        edge.journal.append([Ended(call(102 + faulty.before))])
    await mover.flush()
    assert mover.health().ok
    assert await edge.log() == [call(100, ended=False), call(101), call(102), call(103)]


async def test_a_database_that_fails_for_long_is_caught_up_with_from_the_files(edge: Edge) -> None:
    faulty = Faulty.over(edge.store)
    mover = Mover(edge.journal, faulty, at=edge.journal.writer.end)
    faulty.before = 8
    for place in range(100, 180):
        edge.journal.append([Ended(call(place))])
        if place % 10 == 0:
            with pytest.raises(Unavailable):
                await mover.flush()
    assert mover.health().behind
    assert mover.health().waiting_entries <= 60
    await mover.flush()
    assert await edge.log() == [call(place) for place in range(100, 180)]


async def test_a_commit_whose_answer_was_lost_is_not_taken_for_another_process(edge: Edge) -> None:
    faulty = Faulty.over(edge.store)
    mover = Mover(edge.journal, faulty, at=edge.journal.writer.end)
    edge.journal.append([Began(call(place, ended=False)) for place in (100, 101)])
    edge.journal.append([Answered(call(101, ended=False), (dialog(),))])
    faulty.after = 1
    with pytest.raises(Unavailable, match="lost"):
        await mover.flush()
    edge.journal.append([Ended(call(101))])
    await mover.flush()
    assert await edge.log() == [call(100, ended=False), call(101)]
    async with edge.store.read() as unit:
        assert [left.id for left in await unit.open_calls.of_journal("main")] == [call(100).id]


async def test_a_failure_after_a_lost_answer_does_not_forget_it(edge: Edge) -> None:
    """What was committed is known of no try that came after it."""
    faulty = Faulty.over(edge.store)
    mover = Mover(edge.journal, faulty, at=edge.journal.writer.end)
    faulty.after = 1
    edge.journal.append([Ended(call(100))])
    with pytest.raises(Unavailable, match="lost"):
        await mover.flush()
    faulty.before = 1
    edge.journal.append([Ended(call(101))])
    with pytest.raises(Unavailable, match="full"):
        await mover.flush()
    edge.journal.append([Ended(call(102))])
    await mover.flush()
    assert await edge.log() == [call(100), call(101), call(102)]


async def test_another_process_on_the_same_journal_is_told_of(edge: Edge) -> None:
    edge.journal.append([Ended(call(100))])
    async with edge.store.write() as unit:
        await unit.positions.place("main", edge.journal.writer.end._replace(offset=1))
    with pytest.raises(Unavailable, match="another process moves the journal 'main'"):
        await edge.mover.flush()
    assert await edge.log() == []


async def test_one_call_that_cannot_be_written_keeps_no_other_out(edge: Edge) -> None:
    edge.journal.append([Ended(call(100)), Ended(call(101, sip_status=2**63)), Ended(call(102))])
    await edge.mover.flush()
    assert await edge.log() == [call(100), call(102)]
    assert edge.mover.health().rejected == 1
    edge.journal.append([Ended(call(103))])
    await edge.mover.flush()
    assert len(await edge.log()) == 3


async def test_more_than_a_group_is_several_transactions(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.store.mover._GROUP", 7)
    faulty = Faulty.over(edge.store)
    mover = Mover(edge.journal, faulty, at=edge.journal.writer.end)
    edge.journal.append([Began(call(place, ended=False)) for place in range(100, 120)])
    edge.journal.append([Ended(call(place)) for place in range(100, 120)])
    faulty.after = 1
    with pytest.raises(Unavailable):
        await mover.flush()
    await mover.flush()
    assert await edge.log() == [call(place) for place in range(100, 120)]
    async with edge.store.read() as unit:
        assert await unit.open_calls.of_journal("main") == []


async def test_it_runs_by_itself_and_moves_what_is_left_when_it_stops(edge: Edge) -> None:
    task = asyncio.create_task(edge.mover.run())
    edge.journal.append([Ended(call(100))])
    async with asyncio.timeout(10):
        await edge.logged()
        edge.journal.append([Ended(call(101))])
        edge.mover.stop()
        await task
    assert await edge.log() == [call(100), call(101)]


async def test_it_outlives_a_failing_database(edge: Edge) -> None:
    faulty = Faulty.over(edge.store)
    faulty.before = 3
    mover = Mover(edge.journal, faulty, at=edge.journal.writer.end, interval=0.001)
    edge.journal.append([Ended(call(100))])
    task = asyncio.create_task(mover.run())
    async with asyncio.timeout(10):
        await edge.logged()
        mover.stop()
        await task
    assert faulty.before == 0
    assert mover.health().ok


async def test_a_full_disk_with_a_working_database_loses_nothing(edge: Edge, tmp_path: Path) -> None:
    edge.journal.append([Ended(call(100))])
    # The next segment cannot be made: its name is taken.
    (tmp_path / "journal" / "000000000002.journal").mkdir()
    for place in range(101, 140):
        edge.journal.append([Ended(call(place))])
    assert edge.mover.health().journal
    assert edge.mover.health().waiting_bytes > 0
    await edge.mover.flush()
    assert edge.mover.health().waiting_bytes == 0
    assert not edge.mover.health().ok
    assert await edge.log() == [call(place) for place in range(100, 140)]
    (tmp_path / "journal" / "000000000002.journal").rmdir()
    await asyncio.sleep(0.3)
    edge.journal.append([Ended(call(140))])
    await edge.mover.flush()
    assert edge.mover.health().ok
    assert edge.mover.health().dropped == 0
    assert len(await edge.log()) == 41
