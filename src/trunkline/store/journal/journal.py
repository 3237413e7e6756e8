"""The journal: an append-only file that says how each call began, was answered and ended, before the carrier is told.

It is written in the turn of the pump that decides, with one system call, and so are the answers that follow: a process
that is killed has told nobody what the journal does not know. `fsync` adds the same against power loss, for a
millisecond or more a turn. Everything else is off that path: `mover` carries the entries into SQL.

A disk that fails must not end calls. What cannot be written waits in memory, up to a bound; the journal says why it
fails, goes on trying, and recovers by itself. The mover takes what waits, too, so that with a working database nothing
is lost even then. Only past the bound are entries dropped, and counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from trunkline.model.journal import JournalEntry
from trunkline.store.database.errors import Unavailable
from trunkline.store.journal.legible import legible, without_dialogs
from trunkline.store.journal.segments import MAX_PAYLOAD, Position, frame, payload_of
from trunkline.store.journal.writer import Writer

_encode = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(JournalEntry).decode
"""An entry from a frame's payload. Raises `msgspec.DecodeError`."""

_RETRY = 0.25
"""Seconds between attempts while the disk fails: an attempt on a dying disk may itself take long."""
_BATCH = 1024 * 1024
"""Bytes of what waited that are written in one go."""


class Taken(NamedTuple):
    """What the mover takes in one go."""

    entries: list[JournalEntry]
    end: Position
    """Where in the file the last of them that is in it ends."""
    lent: int
    """How many of them, at the end, are in no file yet."""


class Journal:
    """Open it, let `replay` bring what an earlier life left into SQL, and append. For one event loop."""

    __slots__ = (
        "_fresh",
        "_lent",
        "_lock",
        "_max_fresh",
        "_max_waiting",
        "_retry_at",
        "_waiting",
        "_waiting_bytes",
        "behind",
        "directory",
        "dropped",
        "reason",
        "writer",
    )

    def __init__(self, directory: Path, lock: int, writer: Writer, max_waiting: int, max_fresh: int) -> None:
        self.directory = directory
        self.writer = writer
        self._lock = lock
        self._max_waiting = max_waiting
        self._max_fresh = max_fresh
        self._retry_at = 0.0
        self._fresh: list[JournalEntry] = []
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lent = 0
        self.behind = False
        """Whether the mover has to read the file: it was away so long that handing over from memory was given up."""
        self.dropped = 0
        """Entries that are lost for good."""
        self.reason = ""
        """Why the file cannot be written now; empty while it can."""

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        fsync: bool = False,
        segment_bytes: int = 16 * 1024 * 1024,
        segment_age: float = 3600.0,
        max_waiting: int = 32 * 1024 * 1024,
        max_fresh: int = 10_000,
    ) -> Journal:
        """The journal in `directory`, which is made when it is absent, and is this process's alone.

        `segment_age` is in seconds, `max_waiting` in bytes (what waits for the disk), `max_fresh` in entries (what
        waits in memory for the mover). Raises `Unavailable`."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"the journal directory {directory} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise Unavailable(f"the journal directory {directory} is in use by another process") from None
        writer = Writer(directory, fsync=fsync, segment_bytes=segment_bytes, segment_age=segment_age)
        return cls(directory, lock, writer, max_waiting, max_fresh)

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Write the entries of one turn. Never raises for what the disk does. An entry that holds a `Secret` is a bug,
        and raises `TypeError`."""
        parts: list[bytes] = []
        for number, entry in enumerate(entries):
            try:
                payload = _encode(entry)
            except UnicodeEncodeError:
                payload = b""
            if not payload or len(payload) > MAX_PAYLOAD:
                entry, payload = _shortened(entry)
                entries = [*entries[:number], entry, *entries[number + 1 :]]
            parts.append(frame(payload))
        if not self.writer.ready or self._waiting or (self.reason and time.monotonic() < self._retry_at):
            # In order: nothing overtakes what waits.
            self._wait(parts)
            self.retry()
        elif not self._write(b"".join(parts)):
            self._wait(parts)
        else:
            self._keep(entries)

    def retry(self) -> None:
        """Write what waits, when it is time to try again and the mover has not taken it just now. With nothing to
        write, see whether the disk is well again."""
        if not self.writer.ready or self._lent or time.monotonic() < self._retry_at:
            return
        if self.reason and not self._waiting:
            try:
                self.writer.rotate()
                self.reason = ""
            except OSError as error:
                self._fail(error)
        while self._waiting:
            batch = self._batch()
            if not self._write(b"".join(batch)):
                return
            for part in batch:
                self._waiting.popleft()
                self._waiting_bytes -= len(part)
            self._keep([decode_entry(payload_of(part)) for part in batch])

    # ------------------------------------------------------------------------------------------------------- the mover

    def take(self) -> Taken:
        """Everything that is new and in memory, in order. Say that it was `moved`, or `give_back`, before more."""
        entries, self._fresh = self._fresh, []
        self._lent = len(self._waiting)
        entries += (decode_entry(payload_of(part)) for part in self._waiting)
        return Taken(entries, self.writer.end, self._lent)

    def moved(self, taken: Taken) -> None:
        """What was taken is in the database."""
        for _ in range(taken.lent):
            self._waiting_bytes -= len(self._waiting.popleft())
        self._lent = 0

    def give_back(self, taken: Taken) -> None:
        """What was taken could not be moved."""
        self._lent = 0
        newer, self._fresh = self._fresh, taken.entries[: len(taken.entries) - taken.lent]
        self._keep(newer)

    def caught_up(self, at: Position) -> bool:
        """Whether the mover, which reads the file, has come to its end at `at`; from then on memory serves again."""
        if at == self.writer.end:
            self.behind = False
        return not self.behind

    @property
    def waiting(self) -> int:
        """Bytes that wait for the disk."""
        return self._waiting_bytes

    @property
    def fresh(self) -> int:
        """Entries that wait in memory for the mover."""
        return len(self._fresh) + len(self._waiting)

    def rest(self) -> None:
        """No call goes on, and no BYE waits for its answer: a segment begins, so that the next start finds none that it
        would have to send again."""
        if self.writer.ready:
            with contextlib.suppress(OSError):
                self.writer.rotate()

    def close(self) -> None:
        """Write what can be written, and let go of the directory."""
        self._lent = 0
        self._retry_at = 0.0
        self.retry()
        self.writer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # ----------------------------------------------------------------------------------------------------------- within

    def _write(self, data: bytes) -> bool:
        writer = self.writer
        try:
            writer.write(data)
        except OSError as error:
            self._fail(error)
            return False
        self.reason = ""
        try:
            writer.sync()
        except OSError as error:
            # The mover has the entries still: they are as safe as they can be.
            self._fail(error)
        return True

    def _fail(self, error: OSError) -> None:
        self.reason = error.strerror or str(error)
        self._retry_at = time.monotonic() + _RETRY

    def _keep(self, entries: Sequence[JournalEntry]) -> None:
        """Hand over from memory, as long as the mover comes for it."""
        if not self.behind:
            self._fresh += entries
            if len(self._fresh) > self._max_fresh:
                self.behind = True
        if self.behind:
            self._fresh = []

    def _wait(self, parts: list[bytes]) -> None:
        for part in parts:
            if self._waiting_bytes + len(part) > self._max_waiting:
                self.dropped += 1
            else:
                self._waiting.append(part)
                self._waiting_bytes += len(part)

    def _batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        for part in self._waiting:
            batch.append(part)
            size += len(part)
            if size >= _BATCH:
                break
        return batch


def _shortened(entry: JournalEntry) -> tuple[JournalEntry, bytes]:
    entry = legible(entry)
    payload = _encode(entry)
    if len(payload) > MAX_PAYLOAD:
        entry = without_dialogs(entry)
        payload = _encode(entry)
    return entry, payload
