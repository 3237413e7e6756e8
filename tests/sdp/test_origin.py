from __future__ import annotations

from tests.sdp.offers import ORDINARY
from trunkline.sdp.description import parse
from trunkline.sdp.origin import OurOrigin


def test_the_origin_is_ours_and_the_rest_is_theirs() -> None:
    stamped = OurOrigin(7, "203.0.113.1").stamp(parse(ORDINARY))
    assert stamped == ORDINARY.replace(
        b"o=alice 2890844526 2890844527 IN IP4 192.0.2.10", b"o=edge 7 1 IN IP4 203.0.113.1"
    )


def test_only_a_change_counts() -> None:
    origin = OurOrigin(7, "2001:db8::1")
    first = origin.stamp(parse(ORDINARY))
    assert origin.stamp(parse(ORDINARY.replace(b"2890844527", b"2890844528"))) == first
    assert b"o=edge 7 1 IN IP6 2001:db8::1\r\n" in first
    assert b"o=edge 7 2 IN " in origin.stamp(parse(ORDINARY.replace(b"sendrecv", b"sendonly")))
    assert b"o=edge 7 3 IN " in origin.stamp(parse(ORDINARY))
    assert origin.version == 3


def test_line_ends_are_kept() -> None:
    stamped = OurOrigin(7, "203.0.113.1").stamp(parse(ORDINARY.replace(b"v=0\r\n", b"v=0\n")))
    assert stamped.startswith(b"v=0\no=edge 7 1 IN IP4 203.0.113.1\r\ns=-\r\n")
