"""A new party of a transfer that sends the edge elsewhere (RFC 3261 §8.1.3.4)."""

from __future__ import annotations

import pytest

from tests.simulation.edge import CARRIER, ORGANIZATION, id_of
from tests.simulation.phone import Behaviour, Phone
from tests.simulation.transfer import DESK, HUMAN, HUMAN_AGENT, HUMAN_SDP, Scene
from trunkline.call.b2bua.redirect import MOST
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk

OTHER = "192.0.2.33"


def moved(*contacts: str, status: int = 302) -> Behaviour:
    """It redirects with these Contact lines."""
    lines = "".join([f"Contact: {contact}\r\n" for contact in contacts])
    return lambda phone, leg: phone.refuse(leg, status, lines)


def there(scene: Scene, host: str = OTHER) -> Phone:
    """Somebody who answers at another address."""
    return Phone(scene.world, host, lambda phone, leg: phone.answer(leg, HUMAN_SDP))


def test_where_the_new_party_is_now_is_called_in_its_place() -> None:
    scene = Scene(human=moved(f"<sip:a@192.0.2.34:5060>;q=0.1, <sip:b@{OTHER}:5060>"))
    other = there(scene)
    scene.connect()
    scene.refer(f"<tel:{DESK}>", ("X-Case", "17"))
    scene.world.run(2.0)
    assert scene.told() == [100, 200], scene.world.ladder()
    assert other.requests[0].header("X-Case") == "17"
    scene.end()
    assert other.idle()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.to, transfer.result, transfer.status) == (DESK, "completed", 200)
    legs = scene.edge.record.legs
    assert [(leg.uri, leg.status) for leg in legs[2:]] == [
        (f"sip:desk@{HUMAN}:5060", 302),
        (f"sip:b@{OTHER}:5060", 200),
    ]


def test_the_next_contact_follows_one_that_fails() -> None:
    scene = Scene(human=moved(f"<sip:a@{OTHER}:5060>", "<sip:b@192.0.2.34:5060>;q=0.5"))
    busy = Phone(scene.world, OTHER, lambda phone, leg: phone.refuse(leg, 503))
    other = there(scene, "192.0.2.34")
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200], scene.world.ladder()
    scene.end()
    assert busy.idle()
    assert other.idle()


@pytest.mark.parametrize("contacts", [(), (f"<{HUMAN_AGENT.uri}>",), ("<tel:+12025550199>",), ("<mailto:a@b>",)])
def test_a_redirection_to_nowhere_leaves_the_call_whole(contacts: tuple[str, ...]) -> None:
    scene = Scene(human=moved(*contacts))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 480], "nobody learns where the desk lives"
    assert len(scene.agent.legs) == 1
    scene.end()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.status, transfer.detail) == (480, 'SIP;cause=302;text="Moved Temporarily"')


def test_there_is_an_end_to_it() -> None:
    scene = Scene(human=moved(f"<sip:0@{OTHER}:5060>"))
    names = [f"<sip:{n}@{OTHER}:5060>" for n in range(1, 20)]
    other = Phone(scene.world, OTHER, moved(*names))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(5.0)
    assert len([one for one in other.requests if one.method == "INVITE"]) == MOST
    assert scene.told() == [100, 480]
    scene.end()
    assert other.idle()


def test_a_stranger_that_a_refer_named_leads_to_no_private_address() -> None:
    """An address that may not be named by a REFER may not be named by who the REFER names."""
    scene = Scene()
    inside = there(scene, "10.0.0.9")
    Phone(scene.world, "8.8.8.8", moved("<sip:h@10.0.0.9:5060>"))
    scene.connect()
    scene.refer("<sip:h@8.8.8.8>")
    scene.world.run(2.0)
    assert inside.requests == []
    assert scene.told()[-1] == 503
    scene.end()


def test_a_stranger_that_a_refer_named_leads_to_no_trunk_of_the_organizations() -> None:
    """There a call costs something, and the organization's rules say who may begin one."""
    scene = Scene()
    Phone(scene.world, "8.8.8.8", moved(f"<sip:+19005550100@{CARRIER}:5060>"))
    scene.connect()
    scene.refer("<sip:h@8.8.8.8>")
    scene.world.run(2.0)
    assert scene.heard(scene.carrier, "INVITE") == []
    assert scene.told() == [100, 480]
    scene.end()


def test_credentials_are_for_the_trunks_own_host() -> None:
    pbx = Trunk(
        id=id_of(81), organization_id=ORGANIZATION.id, name="pbx", host="192.0.2.35", username="u",
        password=Secret("hush"),
    )  # fmt: skip
    scene = Scene(pbx)
    Phone(scene.world, "192.0.2.35", moved(f"<sip:201@{OTHER}:5060>"))
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n'
    other = Phone(scene.world, OTHER, lambda phone, leg: phone.refuse(leg, 401, challenge))
    scene.connect()
    scene.refer("<sip:201@192.0.2.35>")
    scene.world.run(2.0)
    assert [one.header("Authorization") for one in other.requests if one.method == "INVITE"] == [None]
    assert scene.told() == [100, 502]
    scene.end()


def test_a_new_party_that_hangs_on_is_given_up_in_the_middle_of_it() -> None:
    """The caller leaves while the second address rings."""
    scene = Scene(human=moved(f"<sip:b@{OTHER}:5060>"))
    other = Phone(scene.world, OTHER, lambda phone, leg: phone.ring(leg))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    assert scene.told() == [100, 180]
    scene.end()
    assert other.idle()
    assert scene.edge.record.transfers[0].status == 487
