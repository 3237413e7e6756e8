"""The audio of a test call: the codecs' own figures, and packets that cannot be taken for each other."""

from __future__ import annotations

import pytest

from trunkline.rtp.marker import FRAMES, SAMPLES, a_law, frames, mu_law


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
def test_no_two_packets_are_equal(codec: str) -> None:
    found = frames(codec)
    assert len(set(found)) == len(found) == FRAMES
    assert {len(frame) for frame in found} == {SAMPLES}


def test_another_codec_is_not_made_up() -> None:
    with pytest.raises(KeyError):
        frames("G729")


@pytest.mark.parametrize(
    ("sample", "mu", "a"),
    [(0, 0xFF, 0xD5), (-1, 0x7F, 0x55), (32767, 0x80, 0xAA), (-32768, 0x00, 0x2A), (1000, 0xCE, 0xFA), (8, 0xFE, 0xD5)],
)
def test_g711_by_the_book(sample: int, mu: int, a: int) -> None:
    assert (mu_law(sample), a_law(sample)) == (mu, a)


def test_louder_is_never_softer() -> None:
    """Both laws rise with the sample, once their inversions are undone."""
    rising = range(0, 32768, 7)
    assert [mu_law(s) for s in rising] == sorted((mu_law(s) for s in rising), reverse=True)
    assert [a_law(s) ^ 0x55 for s in rising] == sorted(a_law(s) ^ 0x55 for s in rising)
    assert all(mu_law(s) ^ mu_law(-s) == 0x80 for s in rising if s)
