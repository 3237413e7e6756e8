"""Calls that had just ended when the process died: their BYEs are sent once more."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from tests.store.samples import WALL, call, dialog, ident
from trunkline.model.journal import Answered, Began, Ended, JournalEntry, Rejoined
from trunkline.store.journal.journal import Journal
from trunkline.store.mover import Mover
from trunkline.store.partings import Partings
from trunkline.store.replay import replay
from trunkline.store.store import Store

A, B, C = dialog("a"), dialog("b"), dialog("c")


def found(*entries: JournalEntry, size: int = 1000) -> tuple[dict[str, object], dict[str, object]]:
    """By call id, the dialogs of what had ended and of what went on."""
    partings = Partings(32.0)
    for start in range(0, len(entries), size):
        partings.read(entries[start : start + size])
    parted = partings.found()
    return ({record.id: each for record, each in parted.ended}, {record.id: each for record, each in parted.going})


def test_only_the_last_moments_count() -> None:
    """A call of these samples ends 63.5 seconds after its place, so 4 ends 33 seconds before 37 does."""
    entries: list[JournalEntry] = []
    for place in (4, 6, 37):
        entries += [Answered(call(place, ended=False), (dialog(f"{place}"),)), Ended(call(place))]
    for size in (1, 1000):
        ended, going = found(*entries, size=size)
        assert ended == {ident(6): (dialog("6"),), ident(37): (dialog("37"),)}
        assert going == {}


def test_what_was_never_answered_has_no_dialog() -> None:
    assert found(Began(call(1, ended=False, answered=False)), Ended(call(1, answered=False))) == ({}, {})


def test_who_was_replaced_is_among_them() -> None:
    up = call(1, ended=False)
    moved: list[JournalEntry] = [Answered(up, (A, B)), Rejoined(up, (A, C))]
    assert found(*moved) == ({}, {up.id: (A, B, C)})
    assert found(*moved, Ended(call(1))) == ({up.id: (A, B, C)}, {})
    assert found(Answered(up, (A, B))) == ({}, {}), "the call itself is closed as interrupted"


def test_a_dialog_is_ended_once_and_as_it_was_last() -> None:
    """An attended transfer takes a dialog from one call into another."""
    later = structs.replace(C, sequence=C.sequence + 7)
    entries = (
        Answered(call(1, ended=False), (A, B)),
        Answered(call(2, ended=False), (C, dialog("d"))),
        Rejoined(call(1, ended=False), (A, later)),
        Ended(call(2)),
    )
    assert found(*entries) == ({ident(2): (dialog("d"),)}, {ident(1): (A, B, later)})


async def test_a_start_asks_for_the_byes_of_what_had_just_ended(tmp_path: Path) -> None:
    """Wherever the mover was; not again when they were sent, and not when the process came to rest."""
    store = await Store.open(f"sqlite:///{tmp_path}/x.db", tmp_path / "key")
    entries: list[JournalEntry] = [Answered(call(1, ended=False), (A, B)), Ended(call(1))]
    for moved in range(3):
        journal = Journal.open(tmp_path / "journal")
        replayed = await replay(journal, store, wall=WALL)
        assert replayed.dialogs == ([A, B] if moved else [])
        await replayed.settle(store)
        mover = Mover(journal, store, at=replayed.position)
        journal.append(entries[:moved])
        await mover.flush()
        journal.append(entries[moved:])
        journal.close()
    journal = Journal.open(tmp_path / "journal")
    replayed = await replay(journal, store, wall=WALL)
    assert (replayed.dialogs, replayed.interrupted) == ([A, B], [])
    await replayed.settle(store)
    mover = Mover(journal, store, at=replayed.position)
    journal.append(entries)
    journal.rest()
    await mover.flush()
    journal.close()
    journal = Journal.open(tmp_path / "journal")
    replayed = await replay(journal, store, wall=WALL)
    assert replayed.dialogs == []
    async with store.read() as unit:
        assert list((await unit.calls.page(organization=None)).rows) == [call(1)]
    journal.close()
    await store.close()
