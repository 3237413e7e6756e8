"""Who is not known by its address must prove who it is, and learns nothing before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call import arrivals as a
from trunkline.call.decision.verdict import Challenged, Dropped


def test_a_source_of_no_trunk_is_refused_when_no_trunk_could_authenticate() -> None:
    verdict = a.refused(
        a.arrive(a.arrival(a.trunk(), a.agent(), a.number()), a.offer(source="198.51.100.1")), "unknown-source", 403
    )
    assert verdict.trunk is None
    assert verdict.organization_id is None


def test_a_source_of_no_trunk_is_challenged_when_a_trunk_could_authenticate() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    asked = a.offer(source="198.51.100.1")
    assert a.arrive(where, asked) == Challenged(
        step="trunk",
        stale=False,
        trunk=None,
        detail="198.51.100.1 is in no carrier trunk's networks.",
        mend="Authenticate. Add the source address to the networks of the trunk that it belongs to.",
    )
    known = a.admitted(a.arrive(where, a.offer(source="198.51.100.1", digest_user="user-t")))
    assert (known.trunk.id, known.identified_by) == ("t", "user")


@pytest.mark.parametrize("policy", ["reject", "drop"])
def test_the_operator_may_close_the_door_to_unknown_sources(policy: str) -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number(), unknown_source=policy)
    for user in (None, "user-t"):
        verdict = a.arrive(where, a.offer(source="198.51.100.1", digest_user=user))
        if policy == "drop":
            assert isinstance(verdict, Dropped)
        else:
            a.refused(verdict, "unknown-source", 403)
    a.admitted(a.arrive(a.arrival(a.trunk(), a.agent(), a.number(), unknown_source=policy)))


@pytest.mark.parametrize(
    ("other", "challenged"),
    [
        ({"organization_id": "p"}, True),
        ({"enabled": False}, False),
        ({"provider": "elevenlabs"}, False),
        ({"password": None}, False),
        ({}, True),
    ],
)
def test_only_a_trunk_that_could_pass_is_a_reason_to_challenge(other: dict[str, Any], challenged: bool) -> None:
    where = a.arrival(a.trunk(), a.protected("d", **other), a.agent(), a.number())
    verdict = a.arrive(where, a.offer(source="198.51.100.1"))
    assert isinstance(verdict, Challenged) == challenged


def test_a_stranger_learns_nothing_from_what_it_dials_or_names() -> None:
    open_, closed = a.id_of(1), a.id_of(2)
    where = a.arrival(a.trunk(open_), a.protected(closed, organization_id="p"), a.agent(), a.number(trunk_id=None))
    told = {
        type(a.arrive(where, a.offer(to, source="198.51.100.1")))
        for to in (
            a.E164,
            "+19995550000",
            "nobody",
            *(f"sip:{a.E164}@192.0.2.250;trunk={id}" for id in (open_, closed, a.id_of(9))),
        )
    }
    assert told == {Challenged}


def test_a_digest_proves_one_request() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    asked = a.offer(source="198.51.100.1", digest_user="user-t")
    request = a.on_the_wire(where, asked, 1.0)
    assert request is not None
    a.admitted(where.arrive(request, a.flow(asked), "c", 1.0))
    again = where.arrive(request, a.flow(asked), "d", 1.0)
    assert isinstance(again, Challenged)
    assert again.stale


def test_a_wrong_password_says_whether_it_came_with_a_nonce_of_ours() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    for user in ("user-t", "nobody"):
        asked = a.offer(source="198.51.100.1", digest_user=user)
        request = a.on_the_wire(where, asked, 1.0, password="guess")
        assert request is not None
        assert a.refused(where.arrive(request, a.flow(asked), "c", 1.0), "wrong-credentials", 403).proven
        elsewhere = a.flow(a.offer(source="198.51.100.2"))
        assert not a.refused(where.arrive(request, elsewhere, "c", 1.0), "wrong-credentials", 403).proven


def test_a_wrong_password_is_403_and_fills_nobodys_call_log_but_the_trunks_own() -> None:
    where = a.arrival(a.protected(networks=()), a.protected("near", challenge=True), a.agent(), a.number(trunk_id=None))
    for source, user, whose in (("198.51.100.1", "user-t", None), (a.CARRIER, "user-near", "near")):
        asked = a.offer(source=source, digest_user=user)
        request = a.on_the_wire(where, asked, 1.0, password="guess")
        assert request is not None
        verdict = a.refused(where.arrive(request, a.flow(asked), "c", 1.0), "wrong-credentials", 403)
        assert (verdict.trunk.id if verdict.trunk else None) == whose


def test_a_user_that_no_trunk_has_is_answered_as_a_wrong_password() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    a.refused(a.arrive(where, a.offer(source="198.51.100.1", digest_user="nobody")), "wrong-credentials", 403)


def test_an_old_nonce_is_asked_again_and_says_so() -> None:
    where = a.arrival(a.protected(challenge=True), a.agent(), a.number())
    asked = a.offer(digest_user="user-t")
    request = a.on_the_wire(where, asked, 1.0)
    assert request is not None
    verdict = where.arrive(request, a.flow(asked), "c", 3600.0)
    assert isinstance(verdict, Challenged)
    assert verdict.stale


def test_a_nonce_is_of_use_only_to_the_source_it_was_given_to() -> None:
    where = a.arrival(a.protected(networks=()), a.agent(), a.number())
    request = a.on_the_wire(where, a.offer(source="198.51.100.1", digest_user="user-t"), 1.0)
    assert request is not None
    verdict = where.arrive(request, a.flow(a.offer(source="198.51.100.2")), "c", 1.0)
    assert isinstance(verdict, Challenged)
    assert verdict.stale


def test_a_trunk_may_have_to_authenticate_from_its_own_network() -> None:
    where = a.arrival(a.protected(challenge=True), a.agent(), a.number())
    verdict = a.arrive(where)
    assert isinstance(verdict, Challenged)
    assert verdict.trunk is not None
    a.admitted(a.arrive(where, a.offer(digest_user="user-t")))


def test_a_trunk_that_must_authenticate_and_has_no_password_says_so() -> None:
    verdict = a.refused(a.arrive(a.arrival(a.trunk(challenge=True), a.agent(), a.number())), "wrong-credentials", 403)
    assert "user name and a password" in verdict.mend


def test_nothing_is_said_of_a_trunk_to_who_only_names_its_user() -> None:
    where = a.arrival(a.protected(networks=(), transport="tls"), a.agent(), a.number())
    asked = a.offer(source="198.51.100.1", digest_user="user-t")
    request = a.on_the_wire(where, asked, 1.0, password="guess")
    assert request is not None
    a.refused(where.arrive(request, a.flow(asked), "c", 1.0), "wrong-credentials", 403)
    a.refused(a.arrive(where, asked), "wrong-transport", 403)
