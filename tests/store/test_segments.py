from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trunkline.store.journal.segments import HEADER, MAX_PAYLOAD, frame, frames, path_of, segments_in

payloads = st.lists(st.binary(min_size=1, max_size=60), max_size=8)


def read(data: bytes, start: int = 0) -> list[bytes]:
    return [found.payload for found in frames(data, start)]


@given(payloads)
def test_what_is_framed_comes_back(parts: list[bytes]) -> None:
    data = HEADER + b"".join(map(frame, parts))
    found = list(frames(data))
    assert [one.payload for one in found] == parts
    assert not found or found[-1].end == len(data)
    for place, one in enumerate(found):
        assert read(data, one.begin) == parts[place:]


@given(payloads.filter(bool))
def test_a_torn_tail_is_cut_at_any_byte(parts: list[bytes]) -> None:
    whole = HEADER + b"".join(map(frame, parts[:-1]))
    data = whole + frame(parts[-1])
    for cut in range(len(whole), len(data)):
        assert read(data[:cut]) == parts[:-1]


@given(payloads, payloads.filter(bool), st.integers(1, 5000))
def test_a_hole_of_zeros_hides_nothing_behind_it(before: list[bytes], behind: list[bytes], hole: int) -> None:
    data = HEADER + b"".join(map(frame, before)) + bytes(hole) + b"".join(map(frame, behind))
    assert read(data) == before + behind


@given(payloads.filter(bool), st.data())
def test_one_bad_byte_costs_one_frame(parts: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(HEADER + b"".join(map(frame, parts)))
    place = data.draw(st.integers(len(HEADER), len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    bounds = [(one.begin, one.end) for one in frames(HEADER + b"".join(map(frame, parts)))]
    kept = [part for part, (begin, end) in zip(parts, bounds, strict=True) if not begin <= place < end]
    assert read(bytes(whole)) == kept


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    for found in frames(data):
        assert 0 < len(found.payload) <= MAX_PAYLOAD


def test_segments_are_known_by_their_names_oldest_first(tmp_path: Path) -> None:
    for name in (path_of(tmp_path, 12).name, path_of(tmp_path, 3).name, "lock", "1.journal", "notes.txt"):
        (tmp_path / name).touch()
    assert segments_in(tmp_path) == [3, 12]
