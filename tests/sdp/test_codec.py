from __future__ import annotations

import pytest

from trunkline.sdp.codec import COMFORT_NOISE, G722, PCMA, PCMU, TELEPHONE_EVENT, Codec, identify, spoken_name


@pytest.mark.parametrize(
    ("payload_type", "encoding", "codec"),
    [
        ("0", None, PCMU),
        ("8", None, PCMA),
        ("9", None, G722),
        ("13", None, COMFORT_NOISE),
        ("0", "pcmu/8000", PCMU),
        ("0", "PCMU/8000/1", PCMU),
        ("97", "PCMA/8000", PCMA),
        ("9", "G722/8000", G722),
        ("9", "G722/16000", G722),
        ("96", "Telephone-Event/8000", TELEPHONE_EVENT),
        ("96", None, None),
        ("0", "G722/8000", None),  # named in two ways: neither may be believed
        ("9", "PCMU/8000", None),
        ("18", "PCMU/8000", None),
        ("96", "G722/16000", None),
        ("0", "PCMU/16000", None),
        ("0", "PCMU/8000/2", None),
        ("18", None, None),
        ("00", None, None),
        ("96", "", None),
        ("96", "/1", None),
    ],
)
def test_a_format_is_told_by_its_rtpmap_or_by_the_table(
    payload_type: str, encoding: str | None, codec: Codec | None
) -> None:
    assert identify(payload_type, encoding) is codec


def test_what_people_are_told() -> None:
    assert spoken_name("18", None) == "G729"
    assert spoken_name("111", "opus/48000/2") == "opus"
    assert spoken_name("111", None) == "payload type 111"
