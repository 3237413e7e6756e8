from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.identity.authority import URL, WALL, Authority, claims, encoded, header, identity
from trunkline.identity.passport import Flaw, Passport, Said, digits, fetchable, read

SIGNER = Authority()
SAID = Said("12155551212", "12125551213", 1443208345)


def passport(value: str, said: Said = SAID) -> Passport:
    found = read(value, said)
    assert isinstance(found, Passport), found
    return found


def flaw(value: str, said: Said = SAID) -> int:
    found = read(value, said)
    assert isinstance(found, Flaw), found
    return found.status


def test_the_full_form() -> None:
    found = passport(identity(SIGNER))
    assert (found.url, found.kind, found.issued_at, found.attestation) == (URL, "shaken", int(WALL), "A")
    assert (found.origin, found.destinations) == ("14155550111", ("12025550100",))
    assert len(found.signature) == 64


def test_the_example_of_rfc_8225() -> None:
    """Appendix A: header and claims as they are serialized there."""
    head = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
    said = (
        "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUx"
        "MjEyIn19"
    )
    signature = "VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
    found = passport(f"{head}.{said}.{signature};info=<https://cert.example.org/passport.cer>")
    assert found.signed == f"{head}.{said}".encode()
    assert (found.url, found.kind, found.issued_at) == ("https://cert.example.org/passport.cer", "", 1471375418)
    assert (found.origin, found.destinations) == ("12155551212", ())
    assert head == encoded({"alg": "ES256", "typ": "passport", "x5u": "https://cert.example.org/passport.cer"})


def test_the_compact_form_is_made_whole_from_the_request() -> None:
    """RFC 8224 §4.1.1: nothing but the signature crosses, and it is over what the request says."""
    found = passport(f"..{encoded(bytes(64))};info=<{URL}>;alg=ES256")
    head = encoded({"alg": "ES256", "typ": "passport", "x5u": URL})
    said = encoded({"dest": {"tn": ["12125551213"]}, "iat": 1443208345, "orig": {"tn": "12155551212"}})
    assert found.signed == f"{head}.{said}".encode()
    assert found.signature == bytes(64)


def test_a_compact_form_needs_a_date_and_says_no_more_than_the_plain_claims() -> None:
    compact = f"..{encoded(bytes(64))};info=<{URL}>"
    assert flaw(compact, SAID._replace(date=None)) == 438
    assert flaw(f"{compact};ppt=shaken") == 438


@pytest.mark.parametrize(
    ("head", "said", "status"),
    [
        (header(alg="RS256"), claims(), 437),
        (header(typ="JWT"), claims(), 437),
        (header(alg="none"), claims(), 437),
        (header(crit=["b64"]), claims(), 438),
        (header(x5u="http://certificates.example.org/a.pem"), claims(), 436),
        (header(x5u="https://user@certificates.example.org/"), claims(), 436),
        (header(x5u="https://certificates.example.org:22/a.pem"), claims(), 436),
        (header(x5u="file:///etc/passwd"), claims(), 436),
        (header(x5u=7), claims(), 438),
        (header(), claims(iat="now"), 438),
        (header(), claims(iat=True), 438),
        (header(), claims(iat=-1), 438),
        (header(), claims(orig=None), 438),
        (header(), claims(orig={}), 438),
        (header(), claims(dest={}), 438),
        (header(), claims(dest={"tn": [1]}), 438),
        (header(), claims(dest={"tn": ["1"] * 51}), 438),
        (header(), claims(attest="D"), 438),
        (header(), claims(attest=None), 438),
        (header(), claims(origid=None), 438),
        (header(), [], 438),
        (header(), {}, 438),
    ],
)
def test_what_a_token_must_say(head: dict[str, Any], said: Any, status: int) -> None:
    assert flaw(identity(SIGNER, said, head)) == status


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "a.b",
        "a.b.c.d",
        "..",
        ".." + encoded(bytes(63)),
        f"{encoded(header())}.{encoded(claims())}.{encoded(bytes(64))};info",
        f"{encoded(header())}.{encoded(claims())}.{encoded(bytes(64))};info=<{URL}>;info=<{URL}>;ppt=shaken",
        f"{encoded(header())}.{encoded(claims())}.{encoded(bytes(64))};info=<{URL}>",
        f"{encoded(header())}.{encoded(claims())}.{encoded(bytes(64))};info=<{URL}x>;ppt=shaken",
        f"{encoded(b'[' * 5000)}.{encoded(claims())}.{encoded(bytes(64))};info=<{URL}>;ppt=shaken",
        f"{encoded(b'no json')}.{encoded(claims())}.{encoded(bytes(64))};info=<{URL}>;ppt=shaken",
        "a" * 8193,
    ],
)
def test_what_is_no_identity(value: str) -> None:
    assert flaw(value) == 438


def test_a_single_number_without_brackets_is_read() -> None:
    assert passport(identity(SIGNER, claims(dest={"tn": "12025550100"}))).destinations == ("12025550100",)


def test_numbers_are_compared_by_their_digits() -> None:
    assert digits("+1 (202) 555-0100") == "12025550100"
    assert passport(identity(SIGNER, claims(orig={"tn": "+14155550111"}))).origin == "14155550111"


def test_where_certificates_may_be() -> None:
    assert fetchable("https://a.example:8443/x?y=z")
    assert fetchable("HTTPS://A.example")
    assert not fetchable("https://a.example/#fragment")
    assert not fetchable("https://a.example/x y")
    assert not fetchable("https:///x")
    assert not fetchable("https://a.example/" + "a" * 1024)


@given(
    st.text(max_size=200)
    | st.lists(st.text('abAB-_.;=<>" :/0', max_size=30), max_size=6).map(";".join)
    | st.tuples(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=70)).map(
        lambda parts: ".".join(map(encoded, parts)) + f";info=<{URL}>"
    )
)
def test_anything_is_read_or_refused(value: str) -> None:
    assert isinstance(read(value, SAID), Passport | Flaw)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "ppt", "x5u", "crit"]), json, max_size=5),
    st.dictionaries(st.sampled_from(["iat", "orig", "dest", "attest", "origid"]), json, max_size=5),
)
def test_any_claims_are_read_or_refused(head: dict[str, Any], said: dict[str, Any]) -> None:
    for changed in ({**header(), **head}, header()):
        value = f"{encoded(changed)}.{encoded({**claims(), **said})}.{encoded(bytes(64))};info=<{URL}>;ppt=shaken"
        assert isinstance(read(value, SAID), Passport | Flaw)
