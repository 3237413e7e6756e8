"""Answers that come when nobody waits for them any more (RFC 3261 §13.2.2.4): the second fork of an INVITE may pick up
seconds after the call with the first has ended, and an address that was given up for another may wake. Who rings is
cancelled, and who picks up is acknowledged and ended, or it would ring out its patience on a dead line."""

from __future__ import annotations

from trunkline.call.leg.early import MOST_FORKS
from trunkline.call.leg.user_agent import UserAgent
from trunkline.sip import compose
from trunkline.sip.dialog.dialog import Ends, established
from trunkline.sip.digest import ANSWERS
from trunkline.sip.message import Request, Response, parse
from trunkline.sip.transaction.client import ClientTransaction
from trunkline.sip.transmit import Transmit


def end_late(ua: UserAgent, transaction: str, response: Response, now: float) -> list[Transmit]:
    """ACK and BYE for a 2xx to an INVITE, CANCEL for a 1xx; nothing for any other response. A repeated 2xx gets its ACK
    alone."""
    client = ua.layer.clients.get(transaction)
    if client is None or client.method != "INVITE":
        return []
    if response.status < 200:
        return _cancel(ua, client, now)
    if response.status >= 300:
        return []
    tag = response.to_tag or ""
    asked = parse(client.data)
    # The dialog of a re-INVITE has had its BYE.
    known = tag in client.forks or (isinstance(asked, Request) and asked.to_tag is not None)
    if not known and len(client.forks) >= MOST_FORKS:
        return []
    remote = response.header("to") or ""
    ends = Ends(response.header("from") or "", response.from_tag or "", remote)
    dialog = established(ends, response, client.flow, client.data.split(b" ", 2)[1].decode("utf-8", "surrogateescape"))
    sent_by = ua.sent_by(dialog.flow)
    shown = compose.lines([line for line in asked.lines() if line[0] in ANSWERS]) if isinstance(asked, Request) else ""
    told = [Transmit(dialog.flow, dialog.request("ACK", sent_by, ua.tokens.branch(), shown, sequence=response.cseq))]
    if not known:
        client.forks += (tag,)
        branch = ua.tokens.branch()
        bye = dialog.request("BYE", sent_by, branch)
        told += ua.layer.request(bye, "BYE", branch, dialog.flow, "", "", now)[1]
    return told


def _cancel(ua: UserAgent, client: ClientTransaction, now: float) -> list[Transmit]:
    branch = client.key.partition(" ")[0]
    if f"{branch} CANCEL" in ua.layer.clients:
        return []
    ua.layer.abandon(client.key, now)
    data = compose.alongside(client.data, "CANCEL", "", "")
    return ua.layer.request(data, "CANCEL", branch, client.flow, "", "", now)[1]
