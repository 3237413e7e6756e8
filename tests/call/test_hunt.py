"""Whether the next agent is tried, and what the caller is told."""

from __future__ import annotations

import pytest

from trunkline.call.b2bua.hunt import crossed, hunts_on
from trunkline.call.leg.events import Failed


def failed(status: int, by_peer: bool = True, phrase: str = "Words") -> Failed:
    return Failed("leg", status, phrase, "refused", "", "", by_peer)


@pytest.mark.parametrize(
    ("status", "by_peer", "provisional", "hunts"),
    [
        (500, True, True, True), (502, True, False, True), (503, True, True, True), (504, True, False, True),
        (580, True, False, True), (503, False, False, True), (503, False, True, True),
        (408, True, False, True), (408, True, True, False), (408, False, False, True), (408, False, True, False),
        (486, True, False, False), (480, True, False, False), (404, True, True, False), (600, True, False, False),
        (603, True, False, False), (302, True, False, False), (488, True, False, False), (501, True, False, False),
    ],
)  # fmt: skip
def test_a_machines_failure_hunts_on_and_a_persons_no_does_not(
    status: int, by_peer: bool, provisional: bool, hunts: bool
) -> None:
    assert hunts_on(failed(status, by_peer), provisional) is hunts


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (486, (486, "Words")), (603, (603, "Words")), (404, (404, "Words")), (699, (699, "Words")),
        (302, (480, "Temporarily Unavailable")), (300, (480, "Temporarily Unavailable")),
        *[(hop, (502, "Bad Gateway")) for hop in (401, 407, 420, 421, 482, 483, 493, 494, 505)],
    ],
)  # fmt: skip
def test_what_crosses(status: int, told: tuple[int, str]) -> None:
    assert crossed(status, "Words") == told


def test_a_status_without_words_gets_its_own() -> None:
    assert crossed(486, "") == (486, "Busy Here")


@pytest.mark.parametrize(
    ("status", "rang", "hunts"),
    [
        (404, False, True), (404, True, True), (480, False, True), (480, True, False), (500, False, False),
        (486, False, False), (487, False, False), (600, False, False), (603, False, False), (408, False, False),
    ],
)  # fmt: skip
def test_a_group_says_which_answers_are_a_machines_but_not_for_people(status: int, rang: bool, hunts: bool) -> None:
    assert hunts_on(failed(status), rang, rang, (404, 480, 486, 487, 600, 603)) is hunts


def test_the_network_is_always_a_machine() -> None:
    assert hunts_on(failed(503, by_peer=False), False, False, ())
    assert not hunts_on(failed(408, by_peer=False), False, False, ())
