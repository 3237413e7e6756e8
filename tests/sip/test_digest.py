from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.challenge import Credentials, parse_challenge, parse_credentials
from trunkline.sip.digest import Verdict, answer, challenge, choose, consistent, response, supported, verify

URI = "sip:+12025550100@192.0.2.1"


def mufasa(**fields: str) -> Credentials:
    """The example of RFC 7616 §3.9.1."""
    return Credentials(
        username="Mufasa",
        realm="http-auth@example.org",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        uri="/dir/index.html",
        response="",
        qop="auth",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        nc="00000001",
    )._replace(**fields)


def test_the_examples_of_rfc_7616() -> None:
    md5 = "8ca523f5e9506fed4657c9700eebdbec"
    assert response(mufasa(), "GET", "Circle of Life") == md5
    assert response(mufasa(algorithm="md5"), "GET", "Circle of Life") == md5
    sha = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    assert response(mufasa(algorithm="SHA-256"), "GET", "Circle of Life") == sha


def test_the_examples_of_the_older_rfcs() -> None:
    old = mufasa(realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", cnonce="0a4f113b")
    assert response(old, "GET", "Circle Of Life") == "6629fae49393a05397450978507c4ef1"
    assert response(old._replace(qop=""), "GET", "CircleOfLife") == "1949323746fe6a43ef61f9606e7febea"


CHALLENGES = challenge("edge", "nonce-1")


def test_our_challenges_put_the_stronger_first() -> None:
    assert CHALLENGES == [
        'Digest realm="edge", nonce="nonce-1", algorithm=SHA-256, qop="auth"',
        'Digest realm="edge", nonce="nonce-1", algorithm=MD5, qop="auth"',
    ]
    assert parse_challenge(challenge("edge", "n", stale=True)[0]).stale


def test_the_strongest_that_we_know_is_answered() -> None:
    unknown = 'Digest realm="edge", nonce="n", algorithm=AKAv1-MD5, qop="auth"'
    other_realm = 'Digest realm="elsewhere", nonce="n", algorithm=SHA-256, qop="auth"'
    unprotected = 'Digest realm="edge", nonce="n", algorithm=SHA-256, qop="new"'
    chosen = choose(["nonsense", unknown, unprotected, *reversed(CHALLENGES)])
    assert chosen is not None
    assert chosen.algorithm == "SHA-256"
    chosen = choose([other_realm, CHALLENGES[1]], "edge")
    assert chosen is not None
    assert (chosen.realm, chosen.algorithm) == ("edge", "MD5")
    assert answer([unknown], "INVITE", URI, "u", "p", "c") is None


@pytest.mark.parametrize(
    "asked",
    [
        CHALLENGES[0],
        CHALLENGES[1],
        'Digest realm="edge", nonce="n"',
        'Digest realm="edge", nonce="n", opaque="o,p", algorithm=MD5-sess, qop="auth"',
        'Digest realm="edge", nonce="n", algorithm=SHA-256-sess',
        'Digest realm="edge", nonce="n", qop="auth-int"',
        'Digest realm="edge", nonce="n", qop="auth-int,auth", algorithm=SHA-512-256',
    ],
)
def test_what_the_client_answers_the_server_takes(asked: str) -> None:
    value = answer([asked], "INVITE", URI, 'us"er', "pä:ss", "cn", 2, body=b"v=0")
    assert value is not None
    credentials = parse_credentials(value)
    assert credentials.opaque == parse_challenge(asked).opaque

    def judge(
        method: str = "INVITE", password: str = "pä:ss", fresh: bool = True, realm: str = "edge", uri: str = URI
    ) -> Verdict:
        return verify(credentials, method, uri, realm, password, fresh, b"v=0")

    assert judge() is Verdict.VERIFIED
    assert judge(fresh=False) is Verdict.STALE
    assert judge(method="BYE") is Verdict.WRONG
    assert judge(password="other") is Verdict.WRONG
    assert judge(password="other", fresh=False) is Verdict.WRONG
    assert judge(realm="other") is Verdict.WRONG
    assert judge(uri="sip:+12025559999@192.0.2.1") is Verdict.WRONG


def test_the_body_is_protected_where_both_agree_so() -> None:
    value = answer(['Digest realm="edge", nonce="n", qop="auth-int"'], "INVITE", URI, "u", "p", "c", body=b"v=0")
    assert value is not None
    credentials = parse_credentials(value)
    assert credentials.qop == "auth-int"
    assert verify(credentials, "INVITE", URI, "edge", "p", True, b"v=1") is Verdict.WRONG


def test_what_we_cannot_compute_is_wrong_not_an_error() -> None:
    credentials = Credentials("u", "edge", "n", URI, "ab", "AKAv1-MD5")
    assert verify(credentials, "INVITE", URI, "edge", "p", True) is Verdict.WRONG
    credentials = Credentials("u", "edge", "n", URI, "ab", "MD5", "new", "c", "00000001")
    assert verify(credentials, "INVITE", URI, "edge", "p", True) is Verdict.WRONG
    assert supported("sha-256-SESS")
    assert not supported("SHA-1")


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(WORDS, WORDS, WORDS)
def test_any_name_and_password_agree_on_both_sides(username: str, password: str, wrong: str) -> None:
    value = answer(CHALLENGES, "REGISTER", "sip:h", username, password, "c")
    assert value is not None
    credentials = parse_credentials(value)
    assert credentials.username == username
    expected = Verdict.VERIFIED if wrong == password else Verdict.WRONG
    assert verify(credentials, "REGISTER", "sip:h", "edge", wrong, True) is expected


@pytest.mark.parametrize(
    ("digest_uri", "request_uri", "agree"),
    [
        (URI, URI, True),
        (URI, "sip:+12025550100@10.0.0.1:5070;user=phone", True),
        (URI, "sip:12025550100@h", True),
        (URI, "sip:2025550100@h", True),
        (URI, "sip:0012025550100@h", True),
        (URI, "tel:+1-202-555-0100", True),
        ("sip:192.0.2.1", URI, True),
        ("sip:echo@h", "sip:%65cho@other", True),
        (URI, "sip:+12025550101@192.0.2.1", False),
        ("sip:100@h", "sip:12025550100@h", False),
        ("sip:echo@h", "sip:other@h", False),
        ("sip:echo@h", "sip:h", False),
        ("not a uri", URI, False),
    ],
)
def test_which_uris_agree(digest_uri: str, request_uri: str, agree: bool) -> None:
    assert consistent(digest_uri, request_uri) is agree
