"""Dialogs whose BYE may have died with the process.

The journal has the end of a call before its BYEs leave, and a BYE is sent again until it is answered; who is killed in
between takes it along, and its peer talks to nobody, for money. The journal's files still have the dialogs of every
call that was answered since they began, and so what ended in the last moments before the files end can be told once
more: a BYE that comes twice is answered with 481.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, DialogState, Ended, JournalEntry, Rejoined

Parting = tuple[CallRecord, tuple[DialogState, ...]]
_Key = tuple[str, str, str]


class Parted(NamedTuple):
    ended: list[Parting]
    """Calls that ended in the last moments, with every dialog they had."""
    going: list[Parting]
    """Calls that go on as far as the files know, and have had other parties before: with the dialogs of these too."""


class Partings:
    """Those of a journal's files; they are read in order."""

    __slots__ = ("_calls", "_ended", "_newest", "_owners", "_patience")

    def __init__(self, patience: float) -> None:
        """`patience`: seconds for which a BYE is sent again at most."""
        self._patience = patience
        self._calls: dict[str, tuple[Answered | Rejoined, dict[_Key, DialogState]]] = {}
        """By call: the latest entry with dialogs, and all dialogs so far."""
        self._owners: dict[_Key, str] = {}
        """The call that had a dialog last: a transfer between two calls hands one over."""
        self._ended: dict[str, CallRecord] = {}
        self._newest = 0.0
        """Unix seconds of the latest moment that an entry tells of."""

    def read(self, entries: Iterable[JournalEntry]) -> None:
        for entry in entries:
            record = entry.record
            self._newest = max(self._newest, record.started_at, record.answered_at or 0.0, record.ended_at or 0.0)
            if isinstance(entry, Answered | Rejoined):
                known = self._calls[record.id][1] if record.id in self._calls else {}
                for dialog in entry.dialogs:
                    key = (dialog.call_id, dialog.local, dialog.remote)
                    known[key] = dialog
                    self._owners[key] = record.id
                self._calls[record.id] = entry, known
            elif isinstance(entry, Ended) and record.id in self._calls:
                self._ended[record.id] = record
        since = self._newest - self._patience
        for id_ in [id_ for id_, record in self._ended.items() if (record.ended_at or 0.0) < since]:
            for key in self._calls.pop(id_)[1]:
                if self._owners.get(key) == id_:
                    del self._owners[key]
            del self._ended[id_]

    def found(self) -> Parted:
        ended = [(record, self._own(id_)) for id_, record in self._ended.items()]
        going = [
            (entry.record, self._own(id_))
            for id_, (entry, known) in self._calls.items()
            if id_ not in self._ended and len(known) > len(entry.dialogs)
        ]
        return Parted([each for each in ended if each[1]], going)

    def _own(self, call: str) -> tuple[DialogState, ...]:
        return tuple([dialog for key, dialog in self._calls[call][1].items() if self._owners.get(key) == call])
