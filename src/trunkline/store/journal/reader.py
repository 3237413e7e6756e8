"""Reading a journal's file back, in groups of entries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from trunkline.model.journal import JournalEntry
from trunkline.store.database.errors import Unavailable
from trunkline.store.journal.journal import decode_entry
from trunkline.store.journal.segments import HEADER, Position, frames, path_of


class EntryGroup(NamedTuple):
    entries: list[JournalEntry]
    end: Position
    damaged: int
    """Bytes that were passed over because they are no whole frame."""
    unreadable: int
    """Whole frames that are no entry this program knows."""


def read_segment(directory: Path, segment: int) -> bytes:
    """A segment's bytes; none when it is not there. Raises `Unavailable`."""
    try:
        return path_of(directory, segment).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Unavailable(f"the journal {directory} cannot be read: {error.strerror}") from None


def groups_of(data: bytes, start: Position, size: int) -> Iterator[EntryGroup]:
    """The entries of a segment from `start` on, `size` of them at a time; the last group ends where the data ends."""
    entries: list[JournalEntry] = []
    at = max(start.offset, len(HEADER))
    damaged = unreadable = 0
    for found in frames(data, at):
        damaged += found.begin - at
        at = found.end
        try:
            entries.append(decode_entry(found.payload))
        except msgspec.MsgspecError:
            unreadable += 1
        if len(entries) >= size:
            yield EntryGroup(entries, Position(start.segment, at), damaged, unreadable)
            entries = []
            damaged = unreadable = 0
    damaged += max(0, len(data) - at)
    yield EntryGroup(entries, Position(start.segment, max(at, len(data))), damaged, unreadable)
