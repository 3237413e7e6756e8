"""Appending to the journal's files: a write is whole or is taken back, and a file that has grown large gives way to the
next."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import deque
from pathlib import Path

from trunkline.store.database.errors import Unavailable
from trunkline.store.journal.segments import HEADER, START, Position, path_of, segments_in

_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class Writer:
    """The end of the journal. Nothing can be written before `begin`."""

    __slots__ = (
        "_born",
        "_broken",
        "_descriptor",
        "_directory",
        "_finished",
        "_fsync",
        "_offset",
        "_segment",
        "_segment_age",
        "_segment_bytes",
    )

    def __init__(self, directory: Path, *, fsync: bool, segment_bytes: int, segment_age: float) -> None:
        self._directory = directory
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._segment_age = segment_age
        self._descriptor = -1
        self._segment, self._offset = START
        self._born = 0.0
        self._broken = False
        self._finished: deque[int] = deque()

    @property
    def ready(self) -> bool:
        """Whether it has begun, and is not closed."""
        return self._descriptor >= 0

    @property
    def end(self) -> Position:
        """Where the next entry is written."""
        return Position(self._segment, self._offset)

    def begin(self, after: int) -> None:
        """Begin a segment with a number above `after` and above all that are there. Raises `Unavailable`."""
        try:
            self._segment = max([after, *segments_in(self._directory)])
            self.rotate()
        except OSError as error:
            raise Unavailable(f"the journal {self._directory} cannot be written: {error.strerror}") from None

    def write(self, data: bytes) -> None:
        """All of it, in one system call. Raises `OSError` when none of it is there."""
        if self._broken or self._offset >= self._segment_bytes:
            self.rotate()
        try:
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._take_back()
            raise
        self._offset += written

    def sync(self) -> None:
        """Wait until what was written is on the disk, when `fsync` is on. Raises `OSError`; the kernel has then dropped
        the pages, so the segment is not used any more."""
        if self._fsync:
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                self._broken = True
                raise

    def rotate(self) -> None:
        """Begin the next segment. Raises `OSError`, and all is as before."""
        path = path_of(self._directory, self._segment + 1)
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if os.write(descriptor, HEADER) != len(HEADER):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._fsync:
                _sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._finished.append(self._segment)
        self._descriptor, self._segment, self._offset = descriptor, self._segment + 1, len(HEADER)
        self._born = time.monotonic()
        self._broken = False

    def rotate_when_old(self) -> None:
        """Begin the next segment when there is something in this one and its age has come: records of calls are not
        kept here for longer than they are needed."""
        if self.ready and self._offset > len(HEADER) and time.monotonic() - self._born >= self._segment_age:
            with contextlib.suppress(OSError):
                self.rotate()

    def finished_before(self, at: Position) -> list[Path]:
        """The files that lie wholly before `at`, oldest first. Each is named once."""
        paths = []
        while self._finished and self._finished[0] < at.segment:
            paths.append(path_of(self._directory, self._finished.popleft()))
        return paths

    def close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _take_back(self) -> None:
        """Part of a frame may be there; whole frames must not come to stand behind it."""
        try:
            os.ftruncate(self._descriptor, self._offset)
        except OSError:
            self._broken = True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
