"""What registrations tell of requests."""

from __future__ import annotations

from trunkline.registrar.contacts import Contacts


def test_a_registrar_is_at_the_addresses_that_were_said_last() -> None:
    contacts = Contacts()
    contacts.lead("a", ("192.0.2.1", "192.0.2.2"))
    contacts.lead("b", ("192.0.2.2",))
    contacts.lead("a", ("192.0.2.3",))
    assert {host: list(ids) for host, ids in contacts.peers.items()} == {"192.0.2.2": ["b"], "192.0.2.3": ["a"]}
    contacts.lead("a", ())
    contacts.lead("b", ())
    contacts.lead("b", ())
    assert contacts.peers == {}
