from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.challenge import (
    Challenge,
    ChallengeError,
    Credentials,
    credentials_for,
    parse_challenge,
    parse_credentials,
)

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f"), max_size=20)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_a_challenge_as_carriers_write_it() -> None:
    value = (
        'Digest realm="carrier.example",nonce="a,b\\"c", opaque="", stale=FALSE,algorithm=MD5 ,\tqop="auth, auth-int", '
        'domain="sip:x"'
    )
    assert parse_challenge(value) == Challenge("carrier.example", 'a,b"c', "MD5", ("auth", "auth-int"), "")


def test_a_challenge_of_rfc_2069() -> None:
    assert parse_challenge('digest realm="r", nonce="n"') == Challenge("r", "n")
    assert parse_challenge('Digest realm="r", nonce="n", stale="TRUE"').stale


@given(
    TEXT,
    TEXT,
    st.sampled_from(["", "MD5", "SHA-256"]),
    st.sampled_from([(), ("auth",), ("auth", "auth-int")]),
    st.booleans(),
)
def test_a_challenge_survives_being_written(
    realm: str, nonce: str, algorithm: str, qop: tuple[str, ...], stale: bool
) -> None:
    challenge = Challenge(realm, nonce, algorithm, qop, realm or None, stale)
    assert parse_challenge(str(challenge)) == challenge


@given(TEXT, TEXT, TEXT, HEX, st.booleans())
def test_credentials_survive_being_written(user: str, realm: str, uri: str, response: str, protected: bool) -> None:
    credentials = Credentials(user, realm, "n", uri, response, "MD5")
    if protected:
        credentials = credentials._replace(qop="auth", cnonce="c", nc="0000000a", opaque="o")
        assert credentials.nonce_count == 10
    assert parse_credentials(str(credentials)) == credentials


@given(st.text(max_size=60) | st.builds("Digest {}".format, st.text('abc="\\, ', max_size=60)))
def test_only_a_challenge_error_is_raised(value: str) -> None:
    for parse in (parse_challenge, parse_credentials):
        try:
            parse(value)
        except ChallengeError:
            continue


GOOD = 'Digest username="u", realm="r", nonce="n", uri="sip:h", response="0AF0"'


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "NoOneKnowsThisScheme opaque-data=here",
        GOOD.replace('username="u", ', ""),
        GOOD.replace('realm="r", ', ""),
        GOOD.replace('uri="sip:h", ', ""),
        GOOD.replace("0AF0", "xyz"),
        GOOD.replace("0AF0", ""),
        GOOD + ', username="v"',
        GOOD + ", qop=auth",
        GOOD + ', qop=auth, cnonce="c", nc=1',
        GOOD + ', qop=auth, cnonce="c", nc=0000000g',
        GOOD + ', qop="a b", cnonce="c", nc=00000001',
        GOOD + ', algorithm="M D"',
        GOOD + ", x",
        GOOD + ", x=",
        GOOD + ', x="open',
        GOOD + ', x="a"b',
        GOOD + ", x=a b",
        GOOD + ", x y=z",
    ],
)
def test_no_credentials(value: str) -> None:
    with pytest.raises(ChallengeError):
        parse_credentials(value)


@pytest.mark.parametrize("value", ['Digest realm="r"', 'Digest nonce="n"', 'Basic realm="r", nonce="n"'])
def test_no_challenge(value: str) -> None:
    with pytest.raises(ChallengeError):
        parse_challenge(value)


def test_a_name_in_the_extended_notation() -> None:
    credentials = parse_credentials(GOOD.replace('username="u"', "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe"))
    assert credentials.username == "Jäsøn Doe"


def test_the_credentials_for_a_realm() -> None:
    other = GOOD.replace('realm="r"', 'realm="other"')
    found = credentials_for(["Bearer x", 'Digest realm="r"', other, GOOD], "r")
    assert found is not None
    assert found.realm == "r"
    assert found.response == "0af0"
    assert found.nonce_count == 0
    assert credentials_for([other], "r") is None
