"""The journal's files, and the frames in them.

A segment is a file that is only ever appended to: eight bytes that say what it is, then frames. A frame is the length
of its payload and the payload's CRC-32 (4 bytes each, little endian), then the payload. A process that dies while it
writes leaves a torn frame at the end; a machine that loses power may leave a hole of zeros with whole frames behind it.
So a reader that meets what is no frame looks for the next that is one, byte by byte.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HEADER = b"tlj\x01\r\n\x1a\n"
"""Name and version of the format; the line ends show a copy that was made as text."""
MAX_PAYLOAD = 256 * 1024
"""Bytes. What claims to be longer is no frame; it also bounds the search among damaged bytes."""

_FRAME = struct.Struct("<II")
_NAME = re.compile(r"(\d{12})\.journal")


class Position(NamedTuple):
    """A place in a journal: all before it has been read."""

    segment: int
    offset: int
    """Bytes from the start of the segment's file."""


START = Position(0, 0)


class Frame(NamedTuple):
    payload: bytes
    begin: int
    end: int
    """Where the next frame begins."""


def frame(payload: bytes) -> bytes:
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def frames(data: bytes, start: int = 0) -> Iterator[Frame]:
    """The whole frames of a segment from `start` on. What is damaged or torn is passed over, and shows as a gap between
    one frame's end and the next one's begin."""
    offset = max(start, len(HEADER))
    while offset + _FRAME.size < len(data):
        found = _frame_at(data, offset)
        if found is None:
            offset += 1
        else:
            yield found
            offset = found.end


def _frame_at(data: bytes, offset: int) -> Frame | None:
    length, checksum = _FRAME.unpack_from(data, offset)
    begin = offset + _FRAME.size
    # A length of zero is a hole: its checksum, zero too, would be right.
    if not 0 < length <= MAX_PAYLOAD or begin + length > len(data):
        return None
    payload = data[begin : begin + length]
    return Frame(payload, offset, begin + length) if zlib.crc32(payload) == checksum else None


def payload_of(whole: bytes) -> bytes:
    """The payload of one whole frame."""
    return whole[_FRAME.size :]


def path_of(directory: Path, segment: int) -> Path:
    return directory / f"{segment:012d}.journal"


def segments_in(directory: Path) -> list[int]:
    """The segments that are there, oldest first."""
    return sorted(int(match[1]) for entry in directory.iterdir() if (match := _NAME.fullmatch(entry.name)))
