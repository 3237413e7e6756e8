"""RFC 3263 as decisions over known records: no network here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.flow import Transport
from trunkline.transport.listener import Family
from trunkline.transport.locate import MOST_HOPS, locate
from trunkline.transport.records import Hop, Missing, Naptr, Nowhere, Question, Records
from trunkline.transport.srv_order import Srv

Zone = dict[Question, Records]
DOMAIN = "example.com"


def a(name: str) -> Question:
    return Question(name, "A")


def srv(service: str, domain: str = DOMAIN) -> Question:
    return Question(f"{service}.{domain}", "SRV")


def naptr(domain: str = DOMAIN) -> Question:
    return Question(domain, "NAPTR")


def answer(
    uri: str, zone: Zone, demanded: Transport | None = None, families: tuple[Family, ...] = (4,)
) -> tuple[Hop, ...] | Nowhere:
    """What a zone that answers every question gives."""
    found = locate(uri, demanded, families, lambda question: zone.get(question, Records()), lambda: 0.0)
    assert not isinstance(found, Missing)
    return found


@pytest.mark.parametrize(
    ("uri", "demanded", "transport", "address"),
    [
        ("sip:192.0.2.1", None, "udp", ("192.0.2.1", 5060)),
        ("sip:+1415@192.0.2.1:5080", None, "udp", ("192.0.2.1", 5080)),
        ("sip:192.0.2.1;transport=tcp", None, "tcp", ("192.0.2.1", 5060)),
        ("sip:192.0.2.1;transport=TLS", None, "tls", ("192.0.2.1", 5061)),
        ("sips:192.0.2.1", None, "tls", ("192.0.2.1", 5061)),
        ("sips:192.0.2.1:5071;transport=tcp", None, "tls", ("192.0.2.1", 5071)),
        ("sip:[2001:db8::1]", None, "udp", ("2001:db8::1", 5060)),
        ("sip:[2001:DB8:0::1]:5070;transport=tls", None, "tls", ("2001:db8::1", 5070)),
        ("sip:192.0.2.1;transport=udp", "tcp", "tcp", ("192.0.2.1", 5060)),
        ("sip:192.0.2.1:5060", "tls", "tls", ("192.0.2.1", 5060)),
        ("sip:example.com;maddr=192.0.2.9", None, "udp", ("192.0.2.9", 5060)),
        ("sip:192.0.2.1;maddr=[2001:db8::1]", "udp", "udp", ("2001:db8::1", 5060)),
    ],
)
def test_literal_addresses_need_no_question(
    uri: str, demanded: Transport | None, transport: Transport, address: tuple[str, int]
) -> None:
    found = locate(uri, demanded, (4, 6), lambda question: None, lambda: 0.5)
    assert isinstance(found, tuple)
    (hop,) = found
    assert (hop.transport, hop.address) == (transport, address)


@pytest.mark.parametrize(
    ("uri", "demanded", "reason"),
    [
        ("tel:+14155550100", None, "tel: is not a scheme that leads to a host"),
        ("http://example.com", None, "http: is not a scheme that leads to a host"),
        ("sip:", None, "sip URI is malformed"),
        ("sip:192.0.2.1;transport=sctp", None, "transport sctp is not spoken here"),
        ("sip:192.0.2.1;transport=ws", None, "transport ws is not spoken here"),
        ("sips:192.0.2.1;transport=udp", None, "a sips URI cannot be reached over UDP"),
        ("sips:192.0.2.1", "udp", "a sips URI cannot be reached over UDP"),
    ],
)
def test_what_leads_nowhere_says_why(uri: str, demanded: Transport | None, reason: str) -> None:
    assert locate(uri, demanded, (4, 6), lambda question: None, lambda: 0.5) == Nowhere(reason)


def test_a_port_goes_straight_to_the_host() -> None:
    zone = {a(DOMAIN): Records(("192.0.2.1",)), srv("_sip._udp"): Records(srv=(Srv(1, 1, 9, "no.example.com"),))}
    assert answer("sip:Example.COM.:5080", zone) == (Hop("udp", ("192.0.2.1", 5080), "Example.COM."),)


def test_a_demanded_transport_asks_its_own_service() -> None:
    zone = {
        naptr(): Records(naptr=(Naptr(1, 1, "s", "SIP+D2U", "_sip._udp.example.com"),)),
        srv("_sip._tcp"): Records(srv=(Srv(1, 1, 5070, "one.example.com"),)),
        a("one.example.com"): Records(("192.0.2.1",)),
    }
    hop = Hop("tcp", ("192.0.2.1", 5070), DOMAIN)
    assert answer("sip:example.com", zone, "tcp") == (hop,)
    assert answer("sip:example.com;transport=tcp", zone) == (hop,)
    zone[a(DOMAIN)] = Records(("192.0.2.2",))
    assert answer("sip:example.com", zone, "udp") == (Hop("udp", ("192.0.2.2", 5060), DOMAIN),)


def test_naptr_chooses_among_the_transports_we_speak() -> None:
    zone = {
        naptr(): Records(
            naptr=(
                Naptr(30, 1, "s", "SIP+D2U", "_sip._udp.other.example.net"),
                Naptr(20, 9, "S", "sip+d2t", "_sip._tcp.other.example.net"),
                Naptr(20, 5, "s", "SIP+D2S", "_sip._sctp.example.com"),
                Naptr(10, 5, "s", "E2U+email", "example.com"),
                Naptr(15, 5, "u", "SIP+D2U", "_sip._udp.example.com"),
            )
        ),
        srv("_sip._tcp", "other.example.net"): Records(srv=(Srv(1, 1, 5070, "t.example.net"),)),
        srv("_sip._udp", "other.example.net"): Records(srv=(Srv(1, 1, 5080, "u.example.net"),)),
        a("t.example.net"): Records(("192.0.2.1",)),
        a("u.example.net"): Records(("192.0.2.2",)),
    }
    assert answer("sip:example.com", zone) == (
        Hop("tcp", ("192.0.2.1", 5070), DOMAIN),
        Hop("udp", ("192.0.2.2", 5080), DOMAIN),
    )


def test_sips_never_leaves_tls() -> None:
    zone = {
        naptr(): Records(naptr=(Naptr(1, 1, "s", "SIP+D2U", "_sip._udp.example.com"),)),
        srv("_sip._udp"): Records(srv=(Srv(1, 1, 5060, "one.example.com"),)),
        srv("_sips._tcp"): Records(srv=(Srv(1, 1, 5061, "one.example.com"),)),
        a("one.example.com"): Records(("192.0.2.1",)),
    }
    assert answer("sips:example.com", zone) == (Hop("tls", ("192.0.2.1", 5061), DOMAIN),)


@pytest.mark.parametrize(
    ("services", "transport"),
    [(("_sip._udp", "_sips._tcp"), "udp"), (("_sip._tcp", "_sips._tcp"), "tcp"), (("_sips._tcp",), "tls")],
)
def test_without_naptr_the_first_service_there_is(services: tuple[str, ...], transport: Transport) -> None:
    zone = {srv(service): Records(srv=(Srv(1, 1, 5099, "one.example.com"),)) for service in services}
    zone[a("one.example.com")] = Records(("192.0.2.1",))
    assert answer("sip:example.com", zone) == (Hop(transport, ("192.0.2.1", 5099), DOMAIN),)


def test_targets_come_in_their_order_with_all_their_addresses() -> None:
    zone = {
        srv("_sip._udp"): Records(srv=(Srv(2, 1, 3, "b.example.com"), Srv(1, 1, 1, "a.example.com"))),
        a("a.example.com"): Records(("192.0.2.1", "192.0.2.2")),
        Question("a.example.com", "AAAA"): Records(("2001:db8::1",)),
        a("b.example.com"): Records(("192.0.2.3",)),
    }
    found = answer("sip:example.com", zone, families=(4, 6))
    assert isinstance(found, tuple)
    assert [hop.address for hop in found] == [
        ("192.0.2.1", 1),
        ("192.0.2.2", 1),
        ("2001:db8::1", 1),
        ("192.0.2.3", 3),
    ]
    six = answer("sip:example.com", zone, families=(6,))
    assert isinstance(six, tuple)
    assert [hop.address for hop in six] == [("2001:db8::1", 1)]


def test_each_address_has_its_turn_to_be_first() -> None:
    hosts = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    first = set()
    for drawn in (0.0, 0.4, 0.99):
        found = locate("sip:example.com:5060", None, (4,), lambda question: Records(hosts), lambda drawn=drawn: drawn)  # type: ignore[misc]
        assert isinstance(found, tuple)
        assert {hop.address[0] for hop in found} == set(hosts)
        first.add(found[0].address[0])
    assert first == set(hosts)


def test_a_domain_may_decline() -> None:
    zone = {srv("_sip._udp"): Records(srv=(Srv(0, 0, 0, ""),)), a(DOMAIN): Records(("192.0.2.1",))}
    assert answer("sip:example.com", zone) == Nowhere("example.com says in DNS that it does not offer SIP")


def test_who_declines_one_transport_is_met_by_another() -> None:
    zone = {
        srv("_sip._udp"): Records(srv=(Srv(0, 0, 0, ""),)),
        srv("_sip._tcp"): Records(srv=(Srv(1, 1, 5070, "one.example.com"),)),
        a("one.example.com"): Records(("192.0.2.1",)),
    }
    assert answer("sip:example.com", zone) == (Hop("tcp", ("192.0.2.1", 5070), DOMAIN),)


def test_a_sips_uri_is_led_by_naptr_but_to_tls_alone() -> None:
    """RFC 3263 §4.1: another name, never another transport."""
    zone = {
        naptr(): Records(
            naptr=(
                Naptr(1, 1, "s", "SIP+D2T", "_sip._tcp.example.com"),
                Naptr(2, 1, "s", "SIPS+D2T", "_sips._tcp.secure.example.net"),
            )
        ),
        srv("_sip._tcp"): Records(srv=(Srv(1, 1, 5060, "one.example.com"),)),
        srv("_sips._tcp", "secure.example.net"): Records(srv=(Srv(1, 1, 5071, "two.example.net"),)),
        a("one.example.com"): Records(("192.0.2.1",)),
        a("two.example.net"): Records(("192.0.2.2",)),
    }
    assert answer("sips:example.com", zone) == (Hop("tls", ("192.0.2.2", 5071), DOMAIN),)
    del zone[srv("_sips._tcp", "secure.example.net")]
    zone[a(DOMAIN)] = Records(("192.0.2.3",))
    assert answer("sips:example.com", zone) == (Hop("tls", ("192.0.2.3", 5061), DOMAIN),)
    assert answer("sips:example.com;transport=tcp", zone) == (Hop("tls", ("192.0.2.3", 5061), DOMAIN),)


def test_a_dead_target_is_passed_over_and_dead_targets_fall_back_to_the_host() -> None:
    zone = {srv("_sip._udp"): Records(srv=(Srv(1, 1, 1, "dead.example.com"), Srv(2, 1, 2, "one.example.com")))}
    zone[a("one.example.com")] = Records(("192.0.2.1",))
    assert answer("sip:example.com", zone) == (Hop("udp", ("192.0.2.1", 2), DOMAIN),)
    zone[a("one.example.com")] = Records()
    zone[a(DOMAIN)] = Records(("192.0.2.7",))
    assert answer("sip:example.com", zone) == (Hop("udp", ("192.0.2.7", 5060), DOMAIN),)


def test_no_address_says_which_and_why() -> None:
    assert answer("sip:example.com", {}) == Nowhere("example.com has no IPv4 address")
    assert answer("sip:example.com", {}, families=(4, 6)) == Nowhere("example.com has no IPv4 or IPv6 address")
    assert answer("sip:example.com", {}, families=()) == Nowhere("there is no listener to send from")
    troubled = {a(DOMAIN): Records(trouble="no server answers")}
    assert answer("sip:example.com", troubled) == Nowhere("example.com could not be looked up: no server answers")


def test_a_zone_of_thousands_makes_us_try_a_few() -> None:
    zone = {srv("_sip._udp"): Records(srv=tuple(Srv(n, 1, 5060, f"h{n}.example.com") for n in range(5000)))}
    zone |= {a(f"h{n}.example.com"): Records((f"192.0.2.{n}", f"198.51.100.{n}")) for n in range(100)}
    found = answer("sip:example.com", zone)
    assert isinstance(found, tuple)
    assert len(found) == MOST_HOPS


def test_what_is_missing_is_asked_together() -> None:
    zone: Zone = {}
    rounds = []
    while isinstance(found := locate("sip:example.com", None, (4, 6), zone.get, lambda: 0.0), Missing):
        rounds.append(set(found.questions))
        for question in found.questions:
            targets = (Srv(1, 1, 1, "a.example.com"), Srv(2, 1, 1, "b.example.com"))
            zone[question] = Records(srv=targets if question == srv("_sip._udp") else ())
            if question == a("b.example.com"):
                zone[question] = Records(("192.0.2.1",))
    assert found == (Hop("udp", ("192.0.2.1", 1), DOMAIN),)
    assert rounds == [
        {naptr(), srv("_sip._udp"), srv("_sip._tcp"), srv("_sips._tcp")},
        {Question(f"{host}.example.com", kind) for host in "ab" for kind in ("A", "AAAA")},
    ]


names = st.sampled_from(["example.com", "a.example.com", "192.0.2.1", "2001:db8::1", "", "_sip._udp.example.com"])
records = st.builds(
    Records,
    hosts=st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1"]), max_size=3).map(tuple),
    srv=st.lists(st.builds(Srv, st.integers(0, 3), st.integers(0, 3), st.integers(0, 65_535), names), max_size=4).map(
        tuple
    ),
    naptr=st.lists(
        st.builds(
            Naptr,
            st.integers(0, 3),
            st.integers(0, 3),
            st.sampled_from(["s", "", "u"]),
            st.sampled_from(["SIP+D2U", "SIPS+D2T", "x"]),
            names,
        ),
        max_size=4,
    ).map(tuple),
)


@given(
    st.text(max_size=40)
    | st.sampled_from(["sip:example.com", "sips:a@example.com", "sip:x@[::1]:70", "sip:a.b;maddr="]),
    st.sampled_from([None, "udp", "tcp", "tls"]),
    st.data(),
)
def test_any_uri_over_any_zone_ends_in_few_rounds(uri: str, demanded: Transport | None, data: st.DataObject) -> None:
    zone: Zone = {}
    rounds = 0
    while isinstance(found := locate(uri, demanded, (4, 6), zone.get, lambda: 0.3), Missing):
        rounds += 1
        assert rounds <= 5
        assert found.questions
        assert not set(found.questions) & set(zone)
        for question in found.questions:
            zone[question] = data.draw(records)
    assert isinstance(found, Nowhere) or 0 < len(found) <= MOST_HOPS


@given(
    st.sampled_from(["sips:example.com", "sips:a@example.com;transport=tcp", "sips:example.com:5080"]),
    st.sampled_from([None, "tcp", "tls"]),
    st.data(),
)
def test_whatever_a_zone_says_sips_goes_by_tls(uri: str, demanded: Transport | None, data: st.DataObject) -> None:
    zone: Zone = {}
    while isinstance(found := locate(uri, demanded, (4, 6), zone.get, lambda: 0.3), Missing):
        for question in found.questions:
            zone[question] = data.draw(records)
    assert isinstance(found, Nowhere) or {hop.transport for hop in found} == {"tls"}
