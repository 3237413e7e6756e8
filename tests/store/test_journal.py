from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.samples import call, dialog
from trunkline.model.journal import Answered, Began, Ended, JournalEntry
from trunkline.model.secret import Secret
from trunkline.store.database.errors import Unavailable
from trunkline.store.journal.journal import Journal
from trunkline.store.journal.reader import groups_of, read_segment
from trunkline.store.journal.segments import HEADER, START, Position, segments_in


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """No file grows beyond its present size, nor is a new one filled, as on a disk that is full."""
    sizes = [path.stat().st_size for path in directory.glob("*.journal")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(sizes) + 100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(directory: Path) -> Iterator[Journal]:
    journal = Journal.open(directory, max_waiting=20_000, max_fresh=50)
    journal.writer.begin(after=0)
    yield journal
    journal.close()


def written(directory: Path) -> list[JournalEntry]:
    """What the files hold, and that they hold nothing else."""
    found: list[JournalEntry] = []
    for segment in segments_in(directory):
        for group in groups_of(read_segment(directory, segment), Position(segment, 0), 3):
            assert (group.damaged, group.unreadable) == (0, 0)
            found += group.entries
    return found


def entries(start: int, count: int) -> list[JournalEntry]:
    return [Ended(call(place)) for place in range(start, start + count)]


def test_what_is_appended_is_in_the_file_at_once(journal: Journal, directory: Path) -> None:
    turn: list[JournalEntry] = [
        Began(call(1, ended=False)),
        Answered(call(2, ended=False), (dialog(), dialog("b"))),
        Ended(call(3)),
    ]
    journal.append(turn)
    assert written(directory) == turn
    journal.append(entries(4, 5))
    assert written(directory) == turn + entries(4, 5)
    assert read_segment(directory, 1)[: len(HEADER)] == HEADER
    assert journal.writer.end == Position(1, len(read_segment(directory, 1)))


def test_with_fsync_too(directory: Path) -> None:
    journal = Journal.open(directory, fsync=True, segment_bytes=2000)
    journal.writer.begin(after=0)
    for entry in entries(1, 5):
        journal.append([entry])
    journal.close()
    assert journal.reason == ""
    assert written(directory) == entries(1, 5)


def test_a_directory_is_one_processs_alone(journal: Journal, directory: Path) -> None:
    with pytest.raises(Unavailable, match="in use by another process"):
        Journal.open(directory)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=str(tmp_path / "file")):
        Journal.open(tmp_path / "file")


def test_a_secret_is_not_written(journal: Journal, directory: Path) -> None:
    with pytest.raises(TypeError):
        journal.append([Began(call(1)), Began(call(2, detail=Secret("hunter2")))])
    assert written(directory) == []
    assert journal.take().entries == []


def test_bytes_that_are_no_text_do_not_stop_it(journal: Journal, directory: Path) -> None:
    odd = Answered(call(1, caller="Ren\udce9"), (dialog(remote="Ren\udce9"),))
    journal.append([Began(call(2)), odd, Began(call(3))])
    assert [entry.record.caller for entry in written(directory)] == ["+14155550123", "Ren\ufffd", "+14155550123"]
    assert journal.take().entries == written(directory)


def test_an_entry_is_bounded(journal: Journal, directory: Path) -> None:
    journal.append([Answered(call(1, callee="x" * 500_000), (dialog(remote="y" * 500_000),)), Ended(call(2))])
    found = written(directory)
    assert [entry.record.id for entry in found] == [call(1).id, call(2).id]
    assert journal.writer.end.offset < 10_000


def test_a_large_segment_gives_way_to_the_next(directory: Path) -> None:
    journal = Journal.open(directory, segment_bytes=5000)
    journal.writer.begin(after=7)
    for entry in entries(1, 20):
        journal.append([entry])
    assert written(directory) == entries(1, 20)
    segments = segments_in(directory)
    assert segments[0] == 8
    assert len(segments) > 2
    assert journal.writer.end.segment == segments[-1]
    finished = journal.writer.finished_before(Position(10, 0))
    assert [path.name for path in finished] == ["000000000008.journal", "000000000009.journal"]
    assert journal.writer.finished_before(Position(10, 0)) == []
    journal.close()


def test_an_old_segment_gives_way_once_there_is_something_in_it(directory: Path) -> None:
    journal = Journal.open(directory, segment_age=0.0)
    journal.writer.begin(after=0)
    journal.writer.rotate_when_old()
    assert journal.writer.end.segment == 1
    journal.append(entries(1, 1))
    journal.writer.rotate_when_old()
    assert journal.writer.end == Position(2, len(HEADER))
    journal.close()


def test_a_new_life_begins_above_all_that_is_there(directory: Path) -> None:
    for after, expected in ((0, 1), (0, 2), (40, 41), (3, 42)):
        journal = Journal.open(directory)
        assert journal.writer.end == START
        journal.writer.begin(after=after)
        assert journal.writer.end == Position(expected, len(HEADER))
        journal.close()


def test_nothing_is_lost_before_it_begins_and_after_it_ends(directory: Path) -> None:
    journal = Journal.open(directory)
    journal.append(entries(1, 2))
    assert segments_in(directory) == []
    journal.writer.begin(after=0)
    journal.append(entries(3, 1))
    assert written(directory) == entries(1, 3)
    journal.close()
    journal.append(entries(4, 1))
    assert written(directory) == entries(1, 3)


def test_a_full_disk_stops_nobody_and_leaves_no_trace(
    journal: Journal, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.journal.journal._RETRY", 0.0)
    journal.append(entries(1, 2))
    with full_disk(directory):
        for entry in entries(3, 4):
            journal.append([entry])
            assert journal.reason
        assert written(directory) == entries(1, 2)
        assert journal.waiting > 0
        journal.retry()
        assert journal.reason
    journal.append(entries(7, 1))
    assert (journal.reason, journal.waiting, journal.dropped) == ("", 0, 0)
    assert written(directory) == entries(1, 7)
    assert journal.take().entries == entries(1, 7)


def test_it_recovers_without_being_asked_to_write(
    journal: Journal, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.journal.journal._RETRY", 0.0)
    journal.append(entries(1, 1))
    with full_disk(directory):
        journal.append(entries(2, 1))
        journal.moved(journal.take())
    assert journal.waiting == 0
    assert journal.reason
    journal.retry()
    assert journal.reason == ""
    assert journal.take().entries == []


def test_a_failing_disk_is_not_tried_at_every_turn(journal: Journal, directory: Path) -> None:
    journal.append(entries(1, 1))
    with full_disk(directory):
        journal.append(entries(2, 1))
    journal.append(entries(3, 1))
    assert journal.reason
    assert written(directory) == entries(1, 1)
    journal.close()
    assert written(directory) == entries(1, 3)


def test_only_past_the_bound_is_anything_dropped(journal: Journal, directory: Path) -> None:
    journal.append(entries(1, 1))
    size = journal.writer.end.offset - len(HEADER)
    room = 20_000 // size
    with full_disk(directory):
        journal.append(entries(2, room))
        assert journal.dropped == 0
        journal.append(entries(500, 3))
    assert journal.dropped == 3
    assert journal.waiting <= 20_000


def test_what_is_taken_is_handed_out_once_and_comes_back_in_order(journal: Journal) -> None:
    journal.append(entries(1, 2))
    taken = journal.take()
    assert (taken.entries, taken.lent, taken.end) == (entries(1, 2), 0, journal.writer.end)
    journal.append(entries(3, 1))
    journal.give_back(taken)
    again = journal.take()
    assert again.entries == entries(1, 3)
    journal.moved(again)
    assert journal.take().entries == []


def test_what_waits_for_the_disk_is_taken_too(
    journal: Journal, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.journal.journal._RETRY", 0.0)
    journal.append(entries(1, 1))
    end = journal.writer.end
    with full_disk(directory):
        journal.append(entries(2, 2))
        taken = journal.take()
        assert (taken.entries, taken.lent, taken.end) == (entries(1, 3), 2, end)
    # While it is lent it is not written as well, nor overtaken.
    journal.append(entries(4, 1))
    assert written(directory) == entries(1, 1)
    journal.moved(taken)
    journal.retry()
    assert written(directory) == entries(1, 1) + entries(4, 1)
    assert journal.take().entries == entries(4, 1)


def test_what_was_lent_and_not_moved_is_written_after_all(
    journal: Journal, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.journal.journal._RETRY", 0.0)
    journal.append(entries(1, 1))
    with full_disk(directory):
        journal.append(entries(2, 2))
        taken = journal.take()
    journal.give_back(taken)
    journal.retry()
    assert written(directory) == entries(1, 3)
    assert journal.take().entries == entries(1, 3)


def test_memory_is_given_up_when_nobody_comes(journal: Journal) -> None:
    start = journal.writer.end
    journal.append(entries(1, 40))
    assert (journal.behind, journal.fresh) == (False, 40)
    journal.append(entries(41, 11))
    assert (journal.behind, journal.fresh) == (True, 0)
    assert not journal.caught_up(start)
    journal.append(entries(52, 1))
    assert journal.take().entries == []
    assert journal.caught_up(journal.writer.end)
    journal.append(entries(53, 1))
    assert journal.take().entries == entries(53, 1)
