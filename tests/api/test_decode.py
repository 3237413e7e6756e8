"""What the decoder finds fault with, said to people: what is expected, and nothing of regular expressions."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from trunkline import __version__
from trunkline.api import decode, openapi
from trunkline.api.native.organizations import OrganizationChange
from trunkline.api.native.transcripts import TranscriptPosted
from trunkline.api.native.trunk_shapes import TrunkCreate
from trunkline.api.native.webhooks import WebhookCreate
from trunkline.api.numbers.phone_numbers import AvailableQuery, NumberProvision
from trunkline.api.surface import Surface
from trunkline.api.surfaces import surfaces
from trunkline.api.telephony.sip_trunks import SipTrunkCreate
from trunkline.api.words import SHAPES
from trunkline.control.errors import Invalid

PBX = {"name": "PBX", "sipUri": "sip:pbx.example.com"}


@pytest.mark.parametrize(
    ("kind", "body", "code", "message"),
    [
        (NumberProvision, {"e164": "2015551234"}, "invalid_phone_number", "Phone number must be in E.164 format"),
        (SipTrunkCreate, {**PBX, "codecs": ["OPUS"]}, "invalid_parameter", "codecs[0]: one of pcmu, pcma, g722."),
        (SipTrunkCreate, {**PBX, "maxConcurrentCalls": 0}, "invalid_parameter", "maxConcurrentCalls: at least 1."),
        (SipTrunkCreate, {**PBX, "name": "n" * 101}, "invalid_parameter", "name: at most 100 characters."),
        (SipTrunkCreate, {**PBX, "name": 5}, "invalid_parameter", "name: expected text, got a whole number."),
        (
            WebhookCreate,
            {"url": "https://example.com", "events": ["call.ended", "call.lost"], "secret": "s"},
            "invalid_parameter",
            "events[1]: one of call.ended, call.failed, call.started, number.provisioned, trunk.updated.",
        ),
        (
            TrunkCreate,
            {"name": "T", "provider": "generic", "config": {"full_status": 404}},
            "invalid_parameter",
            "config.full_status: one of 486, 503.",
        ),
        (
            OrganizationChange,
            {"outbound": {"allow": ["US", "GBR"]}},
            "invalid_parameter",
            "outbound.allow[1]: a country in two letters, as US, or the beginning of numbers, as +4420.",
        ),
    ],
)
def test_a_body_is_refused_in_words(kind: Any, body: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode.body(msgspec.json.encode(body), kind)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize("surface", surfaces(), ids=lambda surface: surface.name)
def test_every_pattern_of_a_document_is_told_in_words(surface: Surface) -> None:
    document = msgspec.json.encode(openapi.document(surface, __version__)).decode()
    patterns = {msgspec.json.decode(each) for each in re.findall(r'"pattern":("(?:[^"\\\\]|\\\\.)*")', document)}
    words, ids, elsewhere = "^([", "^((", {"^[1-9][0-9]{0,14}$", "^[ -~]+$"}
    assert {each for each in patterns - {*SHAPES} - elsewhere if not each.startswith((words, ids))} == set()


@pytest.mark.parametrize("text", ["415\n", "415\x00", "٤١٥", "41"])
def test_a_line_is_a_line(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode.query({"areaCode": text}, AvailableQuery)
    assert caught.value.field == "areaCode"


@pytest.mark.parametrize(
    ("segment", "field"),
    [
        ({"text": "a\0b"}, "segments[1].text"),
        ({"speaker": "agent\0"}, "segments[1].speaker"),
        ({"text": "\\u0000"}, None),
    ],
)
def test_no_text_has_a_nul(segment: dict[str, str], field: str | None) -> None:
    plain = {"speaker": "agent", "text": "Hello", "timestamp": "2024-01-20T14:00:02Z"}
    raw = msgspec.json.encode({"segments": [plain, {**plain, **segment}]})
    if field is None:
        assert decode.body(raw, TranscriptPosted).segments[1].text == "\\u0000"
        return
    with pytest.raises(Invalid) as caught:
        decode.body(raw, TranscriptPosted)
    assert caught.value.field == field
    assert "\0" not in caught.value.message


def test_no_name_of_a_text_has_a_nul() -> None:
    raw = msgspec.json.encode({"e164": "+12015551234", "dispatchMetadataTemplate": {"a\0b": "c"}})
    with pytest.raises(Invalid) as caught:
        decode.body(raw, NumberProvision)
    assert caught.value.field == "dispatchMetadataTemplate"
