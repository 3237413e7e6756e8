from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.store.samples import call, dialog
from trunkline.model.journal import Answered, Began, Ended, JournalEntry
from trunkline.store.collapse import collapse


def life(place: int) -> list[JournalEntry]:
    going = call(place, ended=False)
    return [Began(call(place, ended=False, answered=False)), Answered(going, (dialog(),)), Ended(call(place))]


def test_a_call_that_ends_in_its_first_group_was_never_open() -> None:
    assert collapse(life(100), fresh=True) == ([call(100)], [], [])
    assert collapse(life(100)[1:], fresh=True) == ([call(100)], [], [call(100).id])
    assert collapse(life(100), fresh=False) == ([call(100)], [], [call(100).id])


def test_a_refused_call_is_only_an_end() -> None:
    assert collapse([Ended(call(100))], fresh=True) == ([call(100)], [], [call(100).id])


def test_a_call_that_goes_on_keeps_what_a_bye_takes() -> None:
    assert collapse(life(100)[:1], fresh=True).opened == [(call(100, ended=False, answered=False), ())]
    assert collapse(life(100)[:2], fresh=True).opened == [(call(100, ended=False), (dialog(),))]
    later = Answered(call(100, ended=False), (dialog("b"),))
    assert collapse([*life(100)[:2], later], fresh=True).opened == [(call(100, ended=False), (dialog("b"),))]


@given(st.permutations(life(100) + life(101)[:2] + life(102)[:1]))
def test_the_latest_state_wins_in_any_order(entries: list[JournalEntry]) -> None:
    group = collapse(entries, fresh=False)
    assert group.ended == [call(100)]
    assert sorted(record.id for record, _ in group.opened) == [call(101).id, call(102).id]
    assert {record.id: dialogs for record, dialogs in group.opened}[call(101).id] == (dialog(),)
