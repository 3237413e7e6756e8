from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sdp.offers import ORDINARY, description, offers
from trunkline.sdp.codec import G722, PCMA, PCMU, identify
from trunkline.sdp.description import Description, parse
from trunkline.sdp.offer_answer import Agreed, Choice, choose, our_offer, take_answer
from trunkline.sdp.origin import OurOrigin
from trunkline.sdp.policy import Policy
from trunkline.sdp.refusal import Refusal
from trunkline.sdp.relay import cross_answer

HERE = "203.0.113.1"
codecs = st.lists(st.sampled_from(["PCMU", "PCMA", "G722"]), unique=True).map(tuple)


def chosen(sdp: bytes, *names: str, address: str = HERE) -> Choice:
    choice = choose(parse(sdp), names, address)
    assert isinstance(choice, Choice), choice
    return choice


def refused(sdp: bytes, *names: str, address: str = HERE) -> Refusal:
    refusal = choose(parse(sdp), names, address)
    assert isinstance(refusal, Refusal)
    return refusal


def written(made: Description) -> bytes:
    return OurOrigin(7, HERE).stamp(made)


@given(offers(), codecs)
def test_an_answer_fits_its_offer(sdp: bytes, names: tuple[str, ...]) -> None:
    offer = parse(sdp)
    choice = choose(offer, names, HERE)
    if isinstance(choice, Refusal):
        assert choice.status in (400, 488)
        return
    answer = parse(written(choice.describe(HERE, 20000)))
    assert answer.timing == offer.timing
    assert [section.kind for section in answer.media] == [section.kind for section in offer.media]
    taken = [index for index, section in enumerate(answer.media) if section.port]
    assert taken == ([] if choice.section < 0 else [choice.section])
    for section, asked in zip(answer.media, offer.media, strict=True):
        assert set(section.formats) <= set(asked.formats)
        assert section.protocol == asked.protocol
        if section.port:
            encodings, meant = section.encodings(), asked.encodings()
            assert set(encodings) == set(section.formats)
            assert {int(number) for number in section.formats} == choice.agreed.payload_types
            for number in section.formats:
                assert identify(number, encodings[number]) is identify(number, meant.get(number))
            voice = identify(section.formats[0], encodings[section.formats[0]])
            assert voice is not None
            assert voice is choice.agreed.codec
            assert not names or voice.name in names
    assert isinstance(cross_answer(answer, offer, Policy(names)), Description)


def test_our_answer() -> None:
    choice = chosen(ORDINARY, "PCMA", "PCMU")
    assert choice.agreed == Agreed(PCMA, frozenset({8, 101}), 101, "sendrecv", 20)
    assert written(choice.describe(HERE, 20000)) == (
        b"v=0\r\n"
        b"o=edge 7 1 IN IP4 203.0.113.1\r\n"
        b"s=-\r\n"
        b"c=IN IP4 203.0.113.1\r\n"
        b"t=0 0\r\n"
        b"m=audio 20000 RTP/AVP 8 101\r\n"
        b"a=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-16\r\n"
        b"a=ptime:20\r\n"
        b"a=sendrecv\r\n"
    )


def test_without_a_list_the_offers_order_decides() -> None:
    assert chosen(description("m=audio 4000 RTP/AVP 18 9 0")).agreed.codec is G722
    assert chosen(ORDINARY).agreed.codec is PCMU


def test_the_offers_payload_types_are_kept() -> None:
    sdp = description("m=audio 4000 RTP/AVP 97 120\na=rtpmap:97 pcmu/8000\na=rtpmap:120 telephone-event/8000")
    (section,) = chosen(sdp).describe(HERE, 20000).media
    assert section.formats == ["97", "120"]
    assert section.encodings()["97"] == "PCMU/8000"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_the_direction_is_mirrored(theirs: str, ours: str) -> None:
    choice = chosen(description(f"m=audio 4000 RTP/AVP 0\na={theirs}"))
    assert choice.agreed.direction == ours
    assert choice.describe(HERE, 20000).media[0].direction == ours


def test_an_address_of_zeros_is_hold() -> None:
    assert chosen(description("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0")).agreed.direction == "recvonly"


def test_an_offer_of_nothing_gets_an_answer_of_nothing() -> None:
    choice = chosen(description("m=audio 0 RTP/AVP 0"))
    assert choice.agreed.codec is None
    assert choice.describe(HERE, 20000).media[0].port == 0
    assert written(chosen(description()).describe(HERE, 20000)).endswith(b"t=0 0\r\n")


@pytest.mark.parametrize(
    ("sdp", "names", "address", "code", "reason"),
    [
        (ORDINARY, ("G722",), HERE, "305", "no-common-codec"),
        (description("m=audio 4000 RTP/AVP 18"), (), HERE, "305", "no-common-codec"),
        (description("m=audio 4000 RTP/AVP 0\na=rtpmap:0 G722/8000"), (), HERE, "305", "no-common-codec"),
        (description("m=audio 4000 RTP/SAVP 0"), (), HERE, "302", "media-encryption"),
        (description("m=audio 4000 UDP/RTP/AVP 0"), (), HERE, "302", "media-type"),
        (description("m=image 4000 udptl t38"), (), HERE, "304", "media-type"),
        (ORDINARY, (), "2001:db8::1", "301", "network-address"),
        (ORDINARY.replace(b"c=IN IP4 192.0.2.10\r\n", b""), (), HERE, "399", "bad-sdp"),
    ],
)
def test_what_cannot_be_spoken_is_refused(
    sdp: bytes, names: tuple[str, ...], address: str, code: str, reason: str
) -> None:
    refusal = refused(sdp, *names, address=address)
    assert refusal.warning.split()[0] == code
    assert refusal.reason == reason
    assert refusal.status == (400 if reason == "bad-sdp" else 488)


def test_of_two_numbers_for_one_codec_the_first_is_taken() -> None:
    choice = chosen(description("m=audio 4000 RTP/AVP 97 0\na=rtpmap:97 PCMU/8000"))
    assert choice.describe(HERE, 20000).media[0].formats == ["97"]


@pytest.mark.parametrize(("asked", "answered"), [("0-15,66", "0-15,66"), ("", "0-16"), ("x=1; y", "0-16")])
def test_events_are_those_that_were_asked_for(asked: str, answered: str) -> None:
    sdp = description(f"m=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000\na=fmtp:96 {asked}")
    assert chosen(sdp).describe(HERE, 20000).media[0].parameters("96") == answered


def test_plain_beside_encrypted_is_taken() -> None:
    choice = chosen(description("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0"))
    assert [section.port for section in choice.describe(HERE, 20000).media] == [0, 20000]


@given(codecs)
def test_our_offer_is_answered(names: tuple[str, ...]) -> None:
    offer = parse(written(our_offer(names, HERE, 20000)))
    (section,) = offer.media
    voices = [identify(number, None) for number in section.formats[:-1]]
    assert [voice.name for voice in voices if voice] == list(names or ("PCMU", "PCMA", "G722"))
    choice = chosen(offer.encode(), address="192.0.2.10")
    agreed = take_answer(choice.describe("192.0.2.10", 4000), offer)
    assert isinstance(agreed, Agreed)
    assert agreed.codec is choice.agreed.codec
    assert agreed.event == 101
    assert agreed.payload_types == choice.agreed.payload_types


def test_an_offer_with_a_key_wants_one_back() -> None:
    offer = parse(written(our_offer((), HERE, 20000, "K" * 40)))
    (section,) = offer.media
    assert (section.protocol, section.attribute("crypto")) == (
        "RTP/SAVP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{'K' * 40}",
    )
    key = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'L' * 40}"
    agreed = take_answer(parse(description(f"m=audio 4000 RTP/SAVP 8\n{key}")), offer)
    assert isinstance(agreed, Agreed)
    assert agreed.codec is not None
    assert agreed.codec.name == "PCMA"
    for wrong in ("m=audio 4000 RTP/SAVP 8", f"m=audio 4000 RTP/AVP 8\n{key}", "m=audio 4000 UDP/TLS/RTP/SAVP 8"):
        assert isinstance(take_answer(parse(description(wrong)), offer), Refusal)


@pytest.mark.parametrize(
    "sections",
    [
        (),
        ("m=audio 0 RTP/AVP 0",),
        ("m=audio 4000 RTP/AVP 18",),
        ("m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000",),
        ("m=audio 4000 RTP/SAVP 0",),
        ("m=video 4000 RTP/AVP 31",),
        ("m=audio 4000 RTP/AVP 8",),
        ("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0"),
        ("m=audio 4000 RTP/AVP 0\na=rtpmap:0 G722/8000",),
    ],
)
def test_a_bad_answer_to_our_offer_is_refused(sections: tuple[str, ...]) -> None:
    refusal = take_answer(parse(description(*sections)), our_offer(("PCMU",), HERE, 20000))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "bad-answer"


def test_events_are_ours_too() -> None:
    answer = parse(description("m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=sendonly"))
    agreed = take_answer(answer, our_offer((), HERE, 20000))
    assert agreed == Agreed(PCMA, frozenset({8, 101}), 101, "recvonly", None)
