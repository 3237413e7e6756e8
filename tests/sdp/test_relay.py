from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sdp.offers import ORDINARY, description, offers
from trunkline.sdp.codec import VOICE, Codec, identify
from trunkline.sdp.description import MAX_BYTES, Description, parse
from trunkline.sdp.errors import SdpError
from trunkline.sdp.media import Media
from trunkline.sdp.policy import OPEN, Encryption, Policy
from trunkline.sdp.refusal import Refusal
from trunkline.sdp.relay import cross_answer, cross_offer

G711 = Policy(("PCMA", "PCMU"))
codecs = st.lists(st.sampled_from(["PCMU", "PCMA", "G722"]), unique=True).map(tuple)
encryptions: st.SearchStrategy[Encryption] = st.sampled_from(["disable", "allow", "require"])
policies = st.builds(Policy, codecs, encryptions)

_FORMAT_ATTRIBUTES = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")


def crossed(sdp: bytes, policy: Policy) -> Description:
    passed = cross_offer(parse(sdp), policy)
    assert isinstance(passed, Description), passed
    return passed


def refused(sdp: bytes, policy: Policy) -> Refusal:
    refusal = cross_offer(parse(sdp), policy)
    assert isinstance(refusal, Refusal)
    return refusal


def meaning(section: Media) -> dict[str, Codec | None]:
    encodings = section.encodings()
    return {number: identify(number, encodings.get(number)) for number in section.formats}


def bound(section: Media) -> list[str]:
    """The payload types that attributes of the section speak of."""
    values = [line.partition(":")[2] for line in section.lines if line.startswith(_FORMAT_ATTRIBUTES)]
    return [value.split()[0] if value.split() else "" for value in values]


@given(offers())
def test_an_open_trunk_touches_nothing(sdp: bytes) -> None:
    assert crossed(sdp, OPEN).encode() == sdp


@given(offers(), policies)
def test_an_offer_that_crosses_is_consistent(sdp: bytes, policy: Policy) -> None:
    offer = parse(sdp)
    passed = cross_offer(offer, policy)
    if isinstance(passed, Refusal):
        assert passed.status == 488
        assert any(section.port for section in offer.media)
        assert passed.warning.isprintable()
        return
    again = parse(passed.encode())
    assert [section.kind for section in again.media] == [section.kind for section in offer.media]
    for section, original in zip(again.media, offer.media, strict=True):
        assert section.formats
        assert set(section.formats) <= set(original.formats)
        assert section.port in (0, original.port)
        assert section.protocol == original.protocol
        if section.port and policy.codecs:
            names = [codec.name for codec in meaning(section).values() if codec is not None]
            assert len(names) == len(section.formats) == len(set(section.formats))
            voices = [name for name in names if name in VOICE]
            assert voices
            assert voices == sorted(voices, key=policy.codecs.index)
            assert set(bound(section)) <= {*section.formats, "*"}
        if section.port and policy.encryption != "allow":
            assert section.secure == (policy.encryption == "require")
    assert any(section.port for section in again.media) or not any(section.port for section in offer.media)
    twice = cross_offer(again, policy)
    assert isinstance(twice, Description)
    assert twice.encode() == passed.encode()


@given(offers(), policies, offers())
def test_an_answer_that_crosses_fits_its_offer(sdp: bytes, policy: Policy, answered: bytes) -> None:
    offer = cross_offer(parse(sdp), policy)
    if isinstance(offer, Refusal):
        return
    # A fitting answer is seldom generated whole, so it is made of the offer's own sections every other time.
    for answer in (parse(answered), parse(offer.encode())):
        passed = cross_answer(answer, offer, policy)
        if isinstance(passed, Refusal):
            assert (passed.status, passed.reason) == (502, "bad-answer")
            continue
        passed = parse(passed.encode())
        assert [section.kind for section in passed.media] == [section.kind for section in offer.media]
        if policy == OPEN:
            continue
        for section, asked in zip(passed.media, offer.media, strict=True):
            if not asked.port:
                assert section.port == 0
            if section.port and policy.codecs:
                assert set(section.formats) <= set(asked.formats)
        again = cross_answer(passed, offer, policy)
        assert isinstance(again, Description)
        assert again.encode() == passed.encode()


@given(offers(), policies)
def test_an_offer_given_back_as_answer_crosses(sdp: bytes, policy: Policy) -> None:
    offer = cross_offer(parse(sdp), policy)
    if isinstance(offer, Refusal):
        return
    passed = cross_answer(parse(offer.encode()), offer, policy)
    assert isinstance(passed, Description)
    assert passed.encode() == offer.encode()


def test_codecs_are_filtered_and_ordered_as_the_trunk_says() -> None:
    assert crossed(ORDINARY, G711).encode() == (
        b"v=0\r\n"
        b"o=alice 2890844526 2890844527 IN IP4 192.0.2.10\r\n"
        b"s=-\r\n"
        b"c=IN IP4 192.0.2.10\r\n"
        b"t=0 0\r\n"
        b"m=audio 49170 RTP/AVP 8 0 101\r\n"
        b"a=rtpmap:0 PCMU/8000\r\n"
        b"a=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-16\r\n"
        b"a=ptime:20\r\n"
        b"a=sendrecv\r\n"
    )


def test_static_payload_types_need_no_rtpmap() -> None:
    passed = crossed(description("m=audio 4000 RTP/AVP 18 9 0 13"), Policy(("G722",)))
    assert passed.media[0].formats == ["9", "13"]


def test_a_payload_type_that_contradicts_its_rtpmap_goes() -> None:
    passed = crossed(description("m=audio 4000 RTP/AVP 0 8\na=rtpmap:0 G722/8000"), Policy(("G722", "PCMA")))
    assert passed.media[0].formats == ["8"]
    assert passed.media[0].encodings() == {}


def test_events_of_another_clock_go_with_their_codec() -> None:
    sdp = description(
        "m=audio 4000 RTP/AVP 111 0 110 101\na=rtpmap:111 opus/48000/2\na=rtpmap:110 telephone-event/48000\n"
        "a=rtpmap:101 telephone-event/8000\na=fmtp:110 0-16"
    )
    passed = crossed(sdp, G711)
    assert passed.media[0].formats == ["0", "101"]
    assert passed.media[0].attributes("fmtp") == []


def test_nothing_left_is_488_with_warning_305() -> None:
    sdp = description("m=audio 4000 RTP/AVP 18 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000")
    refusal = refused(sdp, G711)
    assert (refusal.status, refusal.phrase, refusal.reason) == (488, "Not Acceptable Here", "no-common-codec")
    assert refusal.warning == (
        '305 trunkline "Incompatible media format: allowed PCMA, PCMU; offered G729, opus, telephone-event"'
    )


def test_a_warning_cannot_be_broken_out_of() -> None:
    sdp = description('m=audio 4000 RTP/AVP 96\na=rtpmap:96 x"\\y/8000')
    warning = refused(sdp, G711).warning
    assert warning.count('"') == 2
    assert "\\" not in warning


def test_a_warning_is_bounded() -> None:
    maps = "\n".join(f"a=rtpmap:{number} {'n' * 100}{number}/8000" for number in range(96, 128))
    sdp = description(f"m=audio 4000 RTP/AVP {' '.join(map(str, range(96, 128)))}\n{maps}")
    assert len(refused(sdp, G711).warning) < 400


def test_video_keeps_its_place_with_port_0() -> None:
    passed = crossed(description("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=image 4002 udptl t38"), G711)
    assert [(section.kind, section.port) for section in passed.media] == [("video", 0), ("audio", 4000), ("image", 0)]


def test_fax_alone_is_told_what_is_available() -> None:
    assert refused(description("m=image 4002 udptl t38"), G711).warning.startswith("304 ")


def test_a_rejected_section_leaves_its_bundle() -> None:
    sdp = description(
        "m=audio 4000 RTP/AVP 0\na=mid:a", "m=video 5000 RTP/AVP 31\na=mid:v\na=bundle-only",
        session=("a=group:BUNDLE a v",),
    )  # fmt: skip
    passed = crossed(sdp, G711)
    assert "a=group:BUNDLE a" in passed.session
    assert "a=bundle-only" not in passed.media[1].lines


@pytest.mark.parametrize(
    ("policy", "passes"),
    [(Policy(), True), (Policy(encryption="require"), True), (Policy(encryption="disable"), False)],
)
def test_srtp_is_held_against_the_trunk(policy: Policy, passes: bool) -> None:
    sdp = description("m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc")
    if passes:
        assert crossed(sdp, policy).encode() == sdp
    else:
        assert refused(sdp, policy).warning.startswith("302 ")
        assert refused(sdp, policy).reason == "media-encryption"


def test_plain_rtp_is_refused_where_srtp_is_required() -> None:
    refusal = refused(ORDINARY, Policy(encryption="require"))
    assert (refusal.status, refusal.reason) == (488, "media-encryption")
    assert "RTP/AVP" in refusal.warning


def test_of_two_profiles_the_allowed_one_stays() -> None:
    sdp = description("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0")
    assert [section.port for section in crossed(sdp, Policy(encryption="disable")).media] == [0, 4002]
    assert [section.port for section in crossed(sdp, Policy(encryption="require")).media] == [4000, 0]


def test_plain_means_plain_also_with_opportunistic_keys() -> None:
    sdp = description("m=audio 4000 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\na=ptime:20")
    assert crossed(sdp, Policy(encryption="disable")).media[0].lines[1] == "a=ptime:20"
    assert crossed(sdp, Policy(("PCMU",))).encode() == sdp


def test_held_sections_cross() -> None:
    sdp = description("m=audio 0 RTP/AVP 18")
    assert crossed(sdp, G711).encode() == sdp


def test_an_answer_is_held_against_the_offer() -> None:
    offer = crossed(ORDINARY, G711)
    answer = description("m=audio 6000 RTP/AVP 9 0 8 101\na=rtpmap:101 telephone-event/8000")
    passed = cross_answer(parse(answer), offer, G711)
    assert isinstance(passed, Description)
    assert passed.media[0].formats == ["8", "0", "101"]


def test_an_answer_brings_no_codec_of_its_own() -> None:
    offer = crossed(description("m=audio 4000 RTP/AVP 8 96 97\na=rtpmap:96 PCMA/8000\na=rtpmap:97 PCMU/8000"), G711)
    answer = parse(description("m=audio 6000 RTP/AVP 0 8 96 97\na=rtpmap:96 PCMU/8000\na=rtpmap:97 PCMU/8000"))
    passed = cross_answer(answer, offer, G711)
    assert isinstance(passed, Description)
    assert passed.media[0].formats == ["8", "97"]
    assert list(passed.media[0].encodings()) == ["97"]


def test_what_was_offered_with_port_0_is_answered_so() -> None:
    plain = Policy(encryption="disable")
    offer = crossed(description("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0"), plain)
    answer = parse(description("m=audio 6000 RTP/AVP 0", "m=audio 6002 RTP/AVP 0"))
    passed = cross_answer(answer, offer, plain)
    assert isinstance(passed, Description)
    assert [section.port for section in passed.media] == [0, 6002]


def test_a_format_listed_twice_stays_once() -> None:
    assert crossed(description("m=audio 4000 RTP/AVP 0 0 8 0"), G711).media[0].formats == ["8", "0"]


def test_attributes_of_all_formats_stay() -> None:
    sdp = description("m=audio 4000 RTP/AVPF 0 18\na=rtcp-fb:* nack\na=rtcp-fb:0 ccm\na=rtcp-fb:18 ccm")
    assert crossed(sdp, G711).media[0].lines[1:3] == ["a=rtcp-fb:* nack", "a=rtcp-fb:0 ccm"]
    assert "a=rtcp-fb:18 ccm" not in crossed(sdp, G711).media[0].lines


def test_a_forgotten_rtpmap_is_the_offers() -> None:
    offer = crossed(ORDINARY, G711)
    passed = cross_answer(parse(description("m=audio 6000 RTP/AVP 0 101")), offer, G711)
    assert isinstance(passed, Description)
    assert passed.media[0].formats == ["0", "101"]


def test_an_answer_of_nothing_offered_is_the_answerers_fault() -> None:
    refusal = cross_answer(parse(description("m=audio 6000 RTP/AVP 18")), crossed(ORDINARY, G711), G711)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason) == (502, "bad-answer")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("policy", [OPEN, G711])
def test_forgotten_sections_are_rejected(end: bytes, policy: Policy) -> None:
    offer = crossed(description("m=audio 4000 RTP/AVP 0", "m=video 5000 RTP/AVP 31 34", "m=text 5002 RTP/AVP 98"), OPEN)
    answer = description("m=audio 6000 RTP/AVP 0\na=sendrecv").replace(b"\r\n", end)
    passed = cross_answer(parse(answer), offer, policy)
    assert isinstance(passed, Description)
    assert passed.encode() == answer + b"m=video 0 RTP/AVP 31 34" + end + b"m=text 0 RTP/AVP 98" + end


def test_more_sections_than_offered_are_refused() -> None:
    answer = parse(description("m=audio 6000 RTP/AVP 0", "m=video 5000 RTP/AVP 31"))
    assert isinstance(cross_answer(answer, crossed(ORDINARY, OPEN), OPEN), Refusal)


def test_what_was_not_offered_cannot_be_answered() -> None:
    offer = crossed(description("m=audio 4000 RTP/AVP 0", "m=video 5000 RTP/AVP 31"), G711)
    answer = description("m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 31")
    passed = cross_answer(parse(answer), offer, G711)
    assert isinstance(passed, Description)
    assert [section.port for section in passed.media] == [6000, 0]


def test_trunks_that_share_no_codec_share_no_call() -> None:
    refusal = refused(ORDINARY, Policy(("PCMU",)).meet(Policy(("PCMA",))))
    assert (refusal.status, refusal.reason) == (488, "no-common-codec")


_HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n"
_ALL = b" ".join(b"%d" % number for number in range(128))


@pytest.mark.parametrize(
    "costly",
    [
        (_HEAD + b"m=audio 1 RTP/AVP " + _ALL + b"\r\n" + b"a=rtpmap:96 x/8000\r\n" * 990)[:MAX_BYTES],
        _HEAD + (b"m=audio 1 RTP/AVP " + _ALL + b"\r\n" + b"a=rtpmap:8 PCMA/8000\r\n" * 20) * 30,
        _HEAD + b"m=audio 1 RTP/AVP" + b" 0" * 15000 + b"\x01\r\n",
        _HEAD + b"m=audio 1 RTP/AVP" + b" " * 32000 + b"\r\n",
        _HEAD + b"\r\n" * 16000 + b"x",
        b"v=0" + b" " * 32000,
    ],
)
def test_the_limits_bound_the_time(costly: bytes) -> None:
    began = time.process_time()
    try:
        offer = parse(costly)
    except SdpError:
        pass
    else:
        cross_offer(offer, G711)
        cross_answer(offer, offer, G711)
    # Some milliseconds; what grows with the square of the size takes seconds.
    assert time.process_time() - began < 0.5
