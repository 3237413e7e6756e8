"""Many journal entries, few rows: what a group of entries comes to in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Began, DialogState, Ended, JournalEntry, Rejoined


class Collapsed(NamedTuple):
    ended: list[CallRecord]
    opened: list[tuple[CallRecord, tuple[DialogState, ...]]]
    """Calls that go on, and what a BYE to their legs takes."""
    no_longer_open: list[str]
    """Ended calls that may be noted as open from an earlier group."""


def collapse(entries: Iterable[JournalEntry], *, fresh: bool) -> Collapsed:
    """The latest state of each call. A state that comes after a later one changes nothing: an answer does not undo an
    end.

    When the entries are `fresh` (never tried before), a call that begins and ends among them was never noted as open,
    and there is nothing to remove."""
    latest: dict[str, JournalEntry] = {}
    began: set[str] = set()
    for entry in entries:
        id_ = entry.record.id
        known = latest.get(id_)
        if known is None or _RANK[type(entry)] >= _RANK[type(known)]:
            latest[id_] = entry
        if type(entry) is Began:
            began.add(id_)
    ended: list[CallRecord] = []
    opened: list[tuple[CallRecord, tuple[DialogState, ...]]] = []
    no_longer_open: list[str] = []
    for id_, entry in latest.items():
        if isinstance(entry, Ended):
            ended.append(entry.record)
            if not fresh or id_ not in began:
                no_longer_open.append(id_)
        else:
            opened.append((entry.record, entry.dialogs if isinstance(entry, Answered | Rejoined) else ()))
    return Collapsed(ended, opened, no_longer_open)


_RANK: dict[type[JournalEntry], int] = {Began: 0, Answered: 1, Rejoined: 2, Ended: 3}
