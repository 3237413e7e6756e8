from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.identity.authority import URL, WALL, Authority, claims, encoded, header, identity
from trunkline.identity.passport import Passport, Said, read
from trunkline.identity.verify import Judgement, Verifier

ROOT = Authority()
MIDDLE = Authority("STI-CA", ROOT, path=0)
SIGNER = MIDDLE.signer()
VERIFIER = Verifier([ROOT.certificate])


def token(value: str, said: Said = Said("14155550111", "12025550100", int(WALL))) -> Passport:  # noqa: B008
    found = read(value, said)
    assert isinstance(found, Passport), found
    return found


def judge(
    value: str | None = None, chain: bytes | None = None, wall: float = WALL, verifier: Verifier = VERIFIER, **call: Any
) -> Judgement:
    passport = token(identity(SIGNER) if value is None else value)
    callers, called = call.get("callers", {"14155550111"}), call.get("called", {"12025550100"})
    return verifier.judge(passport, SIGNER.chain() if chain is None else chain, wall, callers, called)


@pytest.mark.parametrize("attest", ["A", "B", "C"])
def test_a_token_that_stands(attest: str) -> None:
    found = judge(identity(SIGNER, claims(attest=attest)))
    assert (found.verstat, found.attestation, found.status) == (f"TN-Validation-Passed-{attest}", attest, 0)


def test_a_plain_token_attests_nothing_and_passes() -> None:
    head = {"alg": "ES256", "typ": "passport", "x5u": URL}
    said = {"dest": {"tn": ["12025550100"]}, "iat": int(WALL), "orig": {"tn": "14155550111"}}
    found = judge(identity(SIGNER, said, head))
    assert (found.verstat, found.attestation) == ("TN-Validation-Passed", "")
    compact = f"..{encoded(SIGNER.sign(f'{encoded(head)}.{encoded(said)}'.encode()))};info=<{URL}>"
    assert judge(compact) == found


@pytest.mark.parametrize("age", [-61.0, 61.0, 3600.0])
def test_a_token_is_fresh_for_a_minute(age: float) -> None:
    assert judge(wall=WALL + age).status == 403
    assert judge(wall=WALL + 60.0).status == 0


def test_a_token_is_about_one_call() -> None:
    assert judge(callers={"14155550112"}).status == 438
    assert judge(called={"12025550101"}).status == 438
    assert judge(identity(SIGNER, claims(orig={"uri": "sip:a@b"}))).status == 438
    assert judge(identity(SIGNER, claims(dest={"tn": ["1", "12025550100"]}))).status == 0


def test_any_changed_byte_of_the_signature_is_a_forgery() -> None:
    passport = token(identity(SIGNER))
    for place in range(64):
        changed = bytearray(passport.signature)
        changed[place] ^= 1
        forged = passport._replace(signature=bytes(changed))
        found = VERIFIER.judge(forged, SIGNER.chain(), WALL, {"14155550111"}, {"12025550100"})
        assert (found.verstat, found.status) == ("TN-Validation-Failed", 438)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_of_what_is_signed_is_a_forgery(place: int, change: int) -> None:
    passport = token(identity(SIGNER))
    changed = bytearray(passport.signed)
    changed[place % len(changed)] ^= change
    forged = passport._replace(signed=bytes(changed))
    assert VERIFIER.judge(forged, SIGNER.chain(), WALL, {"14155550111"}, {"12025550100"}).status == 438


def test_a_signature_of_zeros_is_none() -> None:
    passport = token(identity(SIGNER))._replace(signature=bytes(64))
    assert VERIFIER.judge(passport, SIGNER.chain(), WALL, {"14155550111"}, {"12025550100"}).status == 438


def signed_by(signer: Authority, wall: float = WALL, verifier: Verifier = VERIFIER, chain: bytes | None = None) -> int:
    said = identity(signer, claims(iat=int(wall)))
    return judge(said, signer.chain() if chain is None else chain, wall, verifier).status


def test_paths_to_an_anchor() -> None:
    assert signed_by(ROOT.signer()) == 0
    assert signed_by(MIDDLE.signer()) == 0
    assert signed_by(MIDDLE.signer(), verifier=Verifier([MIDDLE.certificate]), chain=MIDDLE.signer().pem) == 438
    signer = MIDDLE.signer()
    assert signed_by(signer, verifier=Verifier([MIDDLE.certificate]), chain=signer.pem) == 0
    assert signed_by(signer, verifier=Verifier([signer.certificate]), chain=signer.pem) == 0
    shuffled = signer.pem + ROOT.pem + MIDDLE.pem
    assert signed_by(signer, chain=shuffled) == 0
    deep = ROOT
    for level in range(4):
        deep = Authority(f"level {level}", deep)
    assert signed_by(deep.signer()) == 0
    for level in range(4, 9):
        deep = Authority(f"level {level}", deep)
    assert signed_by(deep.signer()) == 437


@pytest.mark.parametrize(
    "bend",
    [
        {"list": None},
        {"signs": False},
        {"until": WALL - 1},
        {"since": WALL + 1},
        {"public": rsa.generate_private_key(65537, 2048).public_key()},
        {"public": ec.generate_private_key(ec.SECP384R1()).public_key()},
    ],
)
def test_a_signer_that_is_none(bend: dict[str, Any]) -> None:
    assert signed_by(MIDDLE.signer(**bend)) == 437


def test_authorities_that_are_none() -> None:
    stranger = Authority()
    assert signed_by(stranger.signer()) == 437, "the same name, another key"
    assert signed_by(Authority("no authority", ROOT, ca=False).signer()) == 437
    assert signed_by(Authority("below", MIDDLE).signer()) == 437, "the path is too long for the one above"
    assert signed_by(Authority("over", ROOT, until=WALL - 1).signer()) == 437
    assert signed_by(MIDDLE.signer(), chain=b"") == 437
    assert signed_by(MIDDLE.signer(), chain=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") == 437
    assert signed_by(MIDDLE.signer(), verifier=Verifier([])) == 437


def test_a_single_certificate_may_be_der() -> None:
    signer = ROOT.signer()
    assert signed_by(signer, chain=signer.certificate.public_bytes(serialization.Encoding.DER)) == 0


def test_a_remembered_way_ends_with_its_certificates() -> None:
    verifier = Verifier([ROOT.certificate])
    signer = MIDDLE.signer(until=WALL + 100)
    assert signed_by(signer, WALL, verifier) == 0
    assert len(verifier) == 1
    assert signed_by(signer, WALL + 101, verifier) == 437
    verifier.trust([], 2.0)
    assert signed_by(signer, WALL, verifier) == 437


@given(st.binary(max_size=300))
def test_whatever_came_for_a_certificate_is_judged(pem: bytes) -> None:
    assert judge(chain=pem).status == 437


def test_a_kind_may_be_written_in_any_case() -> None:
    assert judge(identity(SIGNER, head=header(ppt="SHAKEN"))).verstat == "TN-Validation-Passed-A"
