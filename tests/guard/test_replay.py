from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.nonce import Nonces
from trunkline.guard.replay import Replays

WINDOW = 32


def test_each_count_of_a_nonce_is_taken_once() -> None:
    replays = Replays(60.0)
    assert [replays.spend("n", 0.0, count, 1.0) for count in (1, 1, 2, 2, 1, 3)] == [
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    assert replays.spend("other", 0.5, 1, 1.0)


def test_a_count_that_was_overtaken_is_still_taken_and_one_far_behind_is_not() -> None:
    replays = Replays(60.0)
    assert replays.spend("n", 0.0, 40, 1.0)
    assert replays.spend("n", 0.0, 39, 1.0)
    assert not replays.spend("n", 0.0, 39, 1.0)
    assert replays.spend("n", 0.0, 40 - WINDOW + 1, 1.0)
    assert not replays.spend("n", 0.0, 40 - WINDOW, 1.0)


def test_credentials_without_a_count_are_good_for_one_request() -> None:
    replays = Replays(60.0)
    assert replays.spend("n", 0.0, 0, 1.0)
    assert not replays.spend("n", 0.0, 0, 1.0)


def test_what_is_forgotten_for_want_of_room_cannot_come_again() -> None:
    replays = Replays(60.0, room=2)
    assert replays.spend("a", 1.0, 1, 5.0)
    assert replays.spend("b", 2.0, 1, 5.0)
    assert replays.spend("c", 3.0, 1, 5.0)
    assert len(replays) == 2
    assert not replays.spend("a", 1.0, 2, 5.0)
    assert not replays.spend("never seen, and as old", 0.9, 1, 5.0)
    assert replays.spend("b", 2.0, 2, 5.0)
    assert replays.spend("younger", 4.0, 1, 5.0)


def test_what_is_too_old_is_forgotten() -> None:
    replays = Replays(60.0)
    for index in range(100):
        assert replays.spend(str(index), float(index), 1, float(index))
    replays.expire(99.0)
    assert len(replays) == 61
    replays.expire(200.0)
    assert len(replays) == 0


def test_nonces_of_ours_are_spent_by_count() -> None:
    nonces = Nonces(bytes(32))
    nonce = nonces.mint(10.0, "edge", "192.0.2.1")
    assert nonces.spend(nonce, 1, 11.0)
    assert not nonces.spend(nonce, 1, 11.0)
    assert nonces.spend(nonce, 2, 11.0)


class _Model:
    """Everything is remembered; nothing below the window is taken."""

    def __init__(self) -> None:
        self.seen: dict[str, set[int]] = {}

    def spend(self, nonce: str, count: int) -> bool:
        seen = self.seen.setdefault(nonce, set())
        if count in seen or (seen and count <= max(seen) - WINDOW):
            return False
        seen.add(count)
        return True


uses = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 80)), max_size=200)


@given(uses)
def test_with_room_it_is_the_model(uses: list[tuple[int, int]]) -> None:
    replays, model = Replays(1e9), _Model()
    for nonce, count in uses:
        assert replays.spend(str(nonce), float(nonce), count, 10.0) == model.spend(str(nonce), count)


@given(uses, st.integers(1, 3))
def test_without_room_nothing_comes_twice(uses: list[tuple[int, int]], room: int) -> None:
    replays = Replays(1e9, room)
    taken: set[tuple[int, int]] = set()
    for nonce, count in uses:
        if replays.spend(str(nonce), float(nonce), count, 10.0):
            assert (nonce, count) not in taken
            taken.add((nonce, count))
        assert len(replays) <= room
