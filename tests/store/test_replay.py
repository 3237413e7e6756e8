"""Restarts: what is on the disk at the moment of a crash is copied, and the edge started again from the copy."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.simulation.edge import open_dialogs
from tests.simulation.storm import Storm
from tests.store.samples import WALL, call, dialog
from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Began, Ended, JournalEntry
from trunkline.store.database.errors import Unavailable
from trunkline.store.journal.journal import Journal
from trunkline.store.journal.segments import Position, path_of, segments_in
from trunkline.store.mover import Mover
from trunkline.store.replay import Replayed, replay
from trunkline.store.store import Store, Unit

LATER = WALL + 5000.0


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A folder with an empty migrated database and its key."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)

        async def make() -> None:
            store = await Store.open(f"sqlite:///{home}/x.db", home / "key")
            await store.close()

        asyncio.run(make())
        yield home


@contextlib.asynccontextmanager
async def opened(home: Path, kind: type[Store] = Store, **options: int) -> AsyncIterator[tuple[Store, Journal]]:
    store = await kind.open(f"sqlite:///{home}/x.db", home / "key")
    journal = Journal.open(home / "journal", **options)  # type: ignore[arg-type]
    yield store, journal
    journal.close()
    await store.close()


def crashed(home: Path, place: Path) -> Path:
    """What a process that was killed now has left behind."""
    return Path(shutil.copytree(home, place, ignore=shutil.ignore_patterns("lock", "*-shm")))


async def log(store: Store) -> list[CallRecord]:
    async with store.read() as unit:
        return sorted((await unit.calls.page(organization=None, per_page=10_000)).rows, key=lambda record: record.id)


def began(place: int) -> JournalEntry:
    return Began(call(place, ended=False, answered=False))


def answered(place: int) -> JournalEntry:
    return Answered(call(place, ended=False), (dialog(f"a{place}"), dialog(f"b{place}")))


def ended(place: int) -> JournalEntry:
    return Ended(call(place))


async def test_what_was_open_is_closed_and_its_dialogs_are_handed_over(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "one")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        journal.append([began(1), answered(1), ended(1), began(2), began(3), answered(3)])
        after = crashed(home, tmp_path / "two")
    async with opened(after) as (store, journal):
        replayed = await replay(journal, store, wall=LATER)
        assert (replayed.moved, replayed.damaged, replayed.unreadable) == (6, 0, 0)
        assert replayed.dialogs == [dialog(f"{side}{place}") for place in (1, 3) for side in "ab"], "1 has just ended"
        done, waiting, talking = await log(store)
        assert done == call(1)
        assert replayed.interrupted == [waiting, talking]
        assert (waiting.status, waiting.cause, waiting.hung_up_by) == ("failed", "interrupted", None)
        assert (talking.status, talking.cause, talking.hung_up_by) == ("completed", "interrupted", "edge")
        for record in (waiting, talking):
            assert record.ended_at == LATER
            assert {leg.ended_at for leg in record.legs} == {LATER}
        assert waiting.duration == 0
        assert talking.duration == int(LATER - (WALL + 5))
        assert segments_in(home / "journal") != []


async def test_byes_are_asked_for_until_they_are_sent(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "home")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        journal.append([began(1), answered(1)])
    for interrupted in (1, 0, 0):
        async with opened(home) as (store, journal):
            replayed = await replay(journal, store, wall=LATER)
            assert len(replayed.interrupted) == interrupted
            assert replayed.dialogs == [dialog("a1"), dialog("b1")]
            assert len(await log(store)) == 1
            if not interrupted:
                await replayed.settle(store)
        if not interrupted:
            break
    async with opened(home) as (store, journal):
        assert (await replay(journal, store, wall=LATER)).dialogs == []
        assert [record.ended_at for record in await log(store)] == [LATER]


async def test_an_end_is_not_before_its_beginning(template: Path, tmp_path: Path) -> None:
    """The wall clock may have been set back meanwhile."""
    home = crashed(template, tmp_path / "home")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        journal.append([began(1), answered(1)])
    async with opened(home) as (store, journal):
        (record,) = (await replay(journal, store, wall=WALL - 1e6)).interrupted
        assert record.ended_at == record.answered_at
        assert record.duration == 0


async def test_another_edges_calls_are_left_alone(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "home")
    async with opened(home) as (store, journal):
        async with store.write() as unit:
            await unit.open_calls.write("w2", [(call(1, ended=False), (dialog(),))])
        assert (await replay(journal, store, wall=LATER, name="w1")).interrupted == []
        assert await log(store) == [call(1, ended=False)]


async def test_bytes_that_are_no_text_come_back_to_the_bye(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "home")
    odd = dialog(remote="<sip:ren\udce9@h>;tag=1")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        journal.append([Answered(call(1, ended=False), (odd, dialog()))])
    async with opened(home) as (store, journal):
        assert (await replay(journal, store, wall=LATER)).dialogs == [odd, dialog()]


@settings(max_examples=40)
@given(cut=st.integers(0, 3_000))
def test_a_tail_torn_at_any_byte_costs_only_what_was_being_written(template: Path, cut: int) -> None:
    entries = [began(1), answered(1), began(2), ended(1), answered(2), ended(2), began(3)]

    async def scenario(home: Path) -> None:
        ends: list[int] = []
        async with opened(home) as (store, journal):
            await replay(journal, store, wall=WALL)
            for entry in entries:
                journal.append([entry])
                ends.append(journal.writer.end.offset)
        path = path_of(home / "journal", segments_in(home / "journal")[-1])
        size = max(8, ends[-1] - cut)
        with path.open("r+b") as file:
            file.truncate(size)
        whole = [entry for entry, end in zip(entries, ends, strict=True) if end <= size]
        latest = {entry.record.id: entry for entry in whole}
        async with opened(home) as (store, journal):
            replayed = await replay(journal, store, wall=LATER)
            rows = {record.id: record for record in await log(store)}
            assert replayed.moved == len(whole)
            assert replayed.damaged == size - max([8, *(end for end in ends if end <= size)])
            assert rows.keys() == latest.keys()
            assert all(record.ended_at is not None for record in rows.values())
            for id_, entry in latest.items():
                if isinstance(entry, Ended):
                    assert rows[id_] == entry.record
            known = {entry.record.id: entry.dialogs for entry in whole if isinstance(entry, Answered)}
            assert replayed.dialogs == [dialog for id_ in sorted(known) for dialog in known[id_]]

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(crashed(template, Path(folder) / "home")))


async def test_a_file_that_was_moved_but_not_deleted_changes_nothing(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "home")
    async with opened(home, segment_bytes=3000) as (store, journal):
        at = (await replay(journal, store, wall=WALL)).position
        for place in range(1, 20):
            journal.append([began(place), ended(place)])
        before = crashed(home / "journal", tmp_path / "kept")
        await Mover(journal, store, at=at).flush()
        assert len(segments_in(home / "journal")) == 1
        rows = await log(store)
    shutil.copytree(before, home / "journal", dirs_exist_ok=True)
    async with opened(home) as (store, journal):
        replayed = await replay(journal, store, wall=LATER)
        assert (replayed.moved, replayed.interrupted) == (0, [])
        assert await log(store) == rows
        assert len(segments_in(home / "journal")) == 1


async def test_a_new_database_gets_all_that_the_journal_holds(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "home")
    for start in (1, 11):
        # The second time the database is older than the journal: restored from a backup, or made anew.
        async with opened(home) as (store, journal):
            await replay(journal, store, wall=LATER)
            journal.append([ended(place) for place in range(start, start + 10)])
        shutil.copy(template / "x.db", home / "x.db")
        for stray in home.glob("x.db-*"):
            stray.unlink()
    async with opened(home) as (store, journal):
        assert (await replay(journal, store, wall=LATER)).moved == 10
        assert [record.id for record in await log(store)] == [call(place).id for place in range(11, 21)]


async def test_a_database_that_knows_a_later_journal_gets_the_present_one(template: Path, tmp_path: Path) -> None:
    """It is another edge's, or the journal's folder was lost and an old copy put back."""
    home = crashed(template, tmp_path / "home")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        journal.append([ended(1), ended(2)])
        async with store.write() as unit:
            await unit.positions.place("main", Position(57, 1000))
    async with opened(home) as (store, journal):
        assert (await replay(journal, store, wall=LATER)).moved == 2
        assert await log(store) == [call(1), call(2)]
        assert journal.writer.end.segment == 58


async def test_a_journal_that_was_deleted_begins_above_what_the_database_knows(template: Path, tmp_path: Path) -> None:
    home = crashed(template, tmp_path / "home")
    async with opened(home, segment_bytes=1000) as (store, journal):
        at = (await replay(journal, store, wall=WALL)).position
        for place in range(1, 10):
            journal.append([ended(place)])
        await Mover(journal, store, at=at).flush()
        last = journal.writer.end.segment
    shutil.rmtree(home / "journal")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        assert journal.writer.end.segment > last
        journal.append([ended(30)])
    async with opened(home) as (store, journal):
        assert (await replay(journal, store, wall=WALL)).moved == 1
        assert len(await log(store)) == 10


class Dying(Store):
    """A store whose process dies at the n-th writing transaction: in it, or just after its commit."""

    __slots__ = ("late", "lives")
    lives: int
    late: bool

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        self.lives -= 1
        async with super().write() as unit:
            yield unit
            if self.lives == 0 and not self.late:
                raise Unavailable("killed")
        if self.lives == 0:
            raise Unavailable("killed")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("lives", [1, 2, 3, 4])
async def test_a_replay_that_is_cut_off_is_simply_done_again(
    template: Path, tmp_path: Path, lives: int, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.replay._GROUP", 4)
    home = crashed(template, tmp_path / "home")
    async with opened(home) as (store, journal):
        await replay(journal, store, wall=WALL)
        journal.append([began(1), answered(1), began(2), ended(1), began(3), answered(3), ended(4), answered(2)])
    whole = crashed(home, tmp_path / "whole")

    async def finish(place: Path) -> tuple[list[CallRecord], Replayed]:
        async with opened(place) as (store, journal):
            replayed = await replay(journal, store, wall=LATER)
            return await log(store), replayed

    async with opened(home, Dying) as (store, journal):
        assert isinstance(store, Dying)
        store.lives, store.late = lives, late
        with contextlib.suppress(Unavailable):
            await replay(journal, store, wall=LATER)
        dead = crashed(home, tmp_path / "dead")
    expected, one = await finish(whole)
    rows, other = await finish(dead)
    assert rows == expected
    assert other.dialogs == one.dialogs


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.integers(0, 5), min_size=1, max_size=6)),
        st.tuples(st.sampled_from(["flush", "fail", "forget", "restart", "crash"]), st.just([])),
    ),
    max_size=25,
)


class Whimsical(Store):
    """A store whose next writing transaction may fail."""

    __slots__ = ("mood",)
    mood: str

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        mood, self.mood = getattr(self, "mood", ""), ""
        async with super().write() as unit:
            yield unit
            if mood == "fail":
                raise Unavailable("the disk is full")
        if mood == "forget":
            raise Unavailable("the connection was lost")


@settings(max_examples=60)
@given(steps=steps)
def test_whatever_happens_each_call_is_there_once_as_it_was_last(
    template: Path, steps: list[tuple[str, list[int]]]
) -> None:
    """Calls live through their states in any interleaving, while the database fails before or after its commits, memory
    overflows, files rotate and the edge restarts or is killed."""

    async def scenario(folder: Path) -> None:
        home = crashed(template, folder / "home0")
        expected: dict[str, CallRecord] = {}
        stage = [0] * 6
        place = [10 + slot for slot in range(6)]
        clock = LATER
        lives = 0
        todo = list(steps)
        while True:
            lives += 1
            clock += 1
            async with opened(home, Whimsical, segment_bytes=2500, max_fresh=5) as (store, journal):
                assert isinstance(store, Whimsical)
                replayed = await replay(journal, store, wall=clock)
                assert replayed.damaged == replayed.unreadable == 0
                for record in replayed.interrupted:
                    was = expected[record.id]
                    assert was.ended_at is None
                    assert record == structs.replace(
                        was,
                        status=record.status,
                        cause="interrupted",
                        detail=record.detail,
                        hung_up_by=record.hung_up_by,
                        ended_at=clock,
                        legs=tuple(structs.replace(leg, ended_at=clock) for leg in was.legs),
                    )
                    expected[record.id] = record
                await replayed.settle(store)
                assert await log(store) == sorted(expected.values(), key=lambda record: record.id)
                assert all(record.ended_at is not None for record in expected.values())
                for slot in range(6):
                    if stage[slot]:
                        stage[slot], place[slot] = 0, place[slot] + 10
                mover = Mover(journal, store, at=replayed.position)
                killed = False
                while todo and not killed:
                    word, slots = todo.pop(0)
                    if word == "append":
                        turn: list[JournalEntry] = []
                        for slot in slots:
                            entry = (began, answered, ended)[stage[slot]](place[slot])
                            turn.append(entry)
                            expected[entry.record.id] = entry.record
                            stage[slot] = (stage[slot] + 1) % 3
                            if stage[slot] == 0:
                                place[slot] += 10
                        journal.append(turn)
                    elif word in ("fail", "forget"):
                        store.mood = word
                        with contextlib.suppress(Unavailable):
                            await mover.flush()
                        store.mood = ""
                    elif word == "flush":
                        await mover.flush()
                        assert await log(store) == sorted(expected.values(), key=lambda record: record.id)
                    else:
                        if word == "crash":
                            home = crashed(home, folder / f"home{lives}")
                        killed = True
                if not killed:
                    await mover.flush()
                    assert await log(store) == sorted(expected.values(), key=lambda record: record.id)
                    return

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


@pytest.mark.pure
async def test_what_storms_leave_behind_is_what_their_next_edge_ends(template: Path, tmp_path: Path) -> None:
    """The simulator takes open dialogs from its journal by itself. A real journal and database, killed at the same
    moment, hand over the same ones, whatever of it had been moved; and the call log has each call once."""
    crashes = 0
    for seed in range(400):
        storm = Storm(seed)
        storm.run()
        for edge in storm.crashed:
            expected = open_dialogs(edge)
            if not expected:
                continue
            crashes += 1
            home = crashed(template, tmp_path / f"{crashes}")
            moved = len(edge.journal) * (crashes % 3) // 2
            async with opened(home) as (store, journal):
                at = (await replay(journal, store, wall=WALL)).position
                journal.append(edge.journal[:moved])
                await Mover(journal, store, at=at).flush()
                journal.append(edge.journal[moved:])
                after = crashed(home, tmp_path / f"{crashes} after")
            async with opened(after) as (store, journal):
                replayed = await replay(journal, store, wall=LATER)
                assert sorted(replayed.dialogs, key=repr) == sorted(expected, key=repr), storm.context
                begun = {entry.record.id for entry in edge.journal if isinstance(entry, Began)}
                finished = {record.id: record for record in edge.finished}
                assert {record.id for record in replayed.interrupted} == begun - set(finished)
                written = {record.id: record for record in await log(store)}
                assert written.keys() == begun | finished.keys()
                assert {id: written[id] for id in finished} == finished
        if crashes >= 3:
            return
    raise AssertionError("no storm left dialogs behind")
