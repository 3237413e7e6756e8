from __future__ import annotations

import pytest

from tests.call import arrivals as a
from trunkline.call.decision.explain import written
from trunkline.call.decision.parties import Dialled, caller, dialled
from trunkline.model.trunk import Range, Trunk
from trunkline.sip.message import Request, parse


def _request(to: str, *headers: tuple[str, str], caller: str | None = None, to_header: str | None = None) -> Request:
    data = written(a.offer(to, caller, headers=headers), a.OURS)
    if to_header is not None:
        start = data.index(b"\r\nTo: ")
        data = data[:start] + f"\r\nTo: {to_header}".encode() + data[data.index(b"\r\n", start + 2) :]
    request = parse(data)
    assert isinstance(request, Request)
    return request


def _dialled(request: Request, *trunks: Trunk) -> Dialled:
    where = a.arrival(*(trunks or (a.trunk(),)), a.number(), a.number("m", e164="+12025550101"))
    return dialled(request, where.table, where.table.sources(a.CARRIER))


@pytest.mark.parametrize(
    ("to", "country"),
    [
        (a.E164, None),
        ("sip:+12025550100@192.0.2.250;user=phone", None),
        ("sip:%2b12025550100@192.0.2.250", None),
        ("sip:+1-202-555-0100;npdi@192.0.2.250", None),
        ("tel:+1-202-555-0100", None),
        ("0012025550100", None),
        ("01112025550100", None),
        ("12025550100", None),
        ("2025550100", "US"),
        ("12025550100", "US"),
        ("12025550100", "DE"),
    ],
)
def test_a_number_of_ours_is_found_however_it_is_dialled(to: str, country: str | None) -> None:
    found = _dialled(_request(to), a.trunk(country=country))
    assert found.number is not None
    assert (found.text, found.header) == (a.E164, "Request-URI")


def test_a_national_number_is_read_in_the_country_of_each_trunk_it_may_be_from() -> None:
    found = _dialled(_request("2025550100"), a.trunk("g", country="GB"), a.trunk("u", country="US"))
    assert found.number is not None


def test_what_nobody_has_keeps_its_canonical_form_or_its_own_words() -> None:
    assert _dialled(_request("+12025559999")) == Dialled("+12025559999", None)
    assert _dialled(_request("2025559999"), a.trunk(country="US")) == Dialled("+12025559999", None)
    assert _dialled(_request("911"), a.trunk(country="US")) == Dialled("911", None)
    assert _dialled(_request("sip:192.0.2.250")) == Dialled("", None)


@pytest.mark.parametrize("user", ["pbx", "+12025550100", "12025550100", a.id_of(1)])
@pytest.mark.parametrize("header", ["P-Called-Party-ID", "To", "Diversion"])
def test_a_call_to_the_trunks_own_user_says_the_number_elsewhere(user: str, header: str) -> None:
    trunk = a.protected(a.id_of(1), username="pbx" if user == a.id_of(1) else user)
    value = "<sip:+12025550101@carrier.example>;reason=unconditional"
    if header == "To":
        request = _request(f"sip:{user}@192.0.2.250", to_header="<sip:+12025550101@carrier.example>")
    else:
        request = _request(f"sip:{user}@192.0.2.250", (header, value))
    found = _dialled(request, trunk)
    assert (found.text, found.header) == ("+12025550101", header)
    assert found.number is not None


def test_a_number_in_a_range_is_found_beside_the_trunks_own_user() -> None:
    """Unless one that is kept stands there too."""
    trunk = a.protected(username="pbx", ranges=(Range(prefix="+4930", agent_id="a"),))
    called = ("P-Called-Party-ID", "<sip:+493012345@carrier.example>")
    assert _dialled(_request("pbx", called), trunk) == Dialled("+493012345", None, "P-Called-Party-ID")
    found = _dialled(_request("pbx", called, to_header="<tel:+12025550101>"), trunk)
    assert (found.text, found.header) == ("+12025550101", "To")
    assert _dialled(_request("pbx", ("Diversion", "<tel:+442071234567>")), trunk) == Dialled("pbx", None)


def test_the_called_party_goes_before_to_and_to_before_diversion() -> None:
    trunk = a.protected(username="pbx")
    diversion = ("Diversion", "<sip:+12025550100@carrier.example>")
    request = _request("pbx", diversion, to_header="<tel:+1-202-555-0101>")
    assert _dialled(request, trunk).header == "To"
    request = _request("pbx", diversion, to_header="<sip:pbx@192.0.2.250>")
    assert _dialled(request, trunk).header == "Diversion"


def test_a_pilot_number_is_itself_when_no_other_is_named() -> None:
    found = _dialled(_request(a.E164), a.protected(username=a.E164))
    assert (found.text, found.header) == (a.E164, "Request-URI")
    assert found.number is not None


def test_to_does_not_redirect_a_call_to_somebody_else() -> None:
    found = _dialled(_request("alice", to_header="<sip:+12025550101@carrier.example>"), a.protected(username="pbx"))
    assert found == Dialled("alice", None)
    found = _dialled(_request(a.E164, to_header="<sip:+12025550101@carrier.example>"))
    assert found.text == a.E164


def _caller(
    who: str | None, *headers: tuple[str, str], trusted: bool = False, country: str | None = None
) -> str | None:
    return caller(_request(a.E164, *headers, caller=who), a.trunk(trust_identity=trusted, country=country))


@pytest.mark.parametrize(
    ("who", "country", "number"),
    [
        ("+14155550199", None, "+14155550199"),
        ("sip:+1-415-555-0199@192.0.2.10;user=phone", None, "+14155550199"),
        ("tel:+14155550199", None, "+14155550199"),
        ("4155550199", "US", "+14155550199"),
        ("4155550199", None, "4155550199"),
        ("bob", "US", "bob"),
        ("sip:bob%20smith@192.0.2.10", None, "bob smith"),
        ("100", "US", "100"),
        (None, None, None),
        ("anonymous", None, None),
        ("sip:x@anonymous.invalid", None, None),
        ("sip:192.0.2.10", None, None),
    ],
)
def test_the_caller_is_a_number_or_a_name_or_nobody(who: str | None, country: str | None, number: str | None) -> None:
    assert _caller(who, country=country) == number


def test_an_asserted_identity_counts_only_from_who_is_trusted() -> None:
    assert _caller(None, ("P-Asserted-Identity", "<tel:+14155550111>"), trusted=True) == "+14155550111"
    assert _caller(None, ("P-Asserted-Identity", "<tel:+14155550111>")) is None
    assert _caller("+14155550199", ("Remote-Party-ID", "<sip:+14155550111@x>;party=calling"), trusted=True) == (
        "+14155550111"
    )
    assert _caller("+14155550199", ("P-Asserted-Identity", "nonsense"), trusted=True) == "+14155550199"
    both = ("P-Asserted-Identity", '"A" <sip:alice@192.0.2.10>, <tel:+14155550111>')
    assert _caller(None, both, trusted=True) == "+14155550111"
    assert _caller(None, ("P-Asserted-Identity", "<sip:alice@192.0.2.10>"), trusted=True) == "alice"


def test_privacy_is_kept() -> None:
    for word, known in (("id", None), ("user;critical", None), ("header", None), ("none", "+14155550111")):
        headers = (("P-Asserted-Identity", "<tel:+14155550111>"), ("Privacy", word))
        assert _caller("+14155550199", *headers, trusted=True) == known
