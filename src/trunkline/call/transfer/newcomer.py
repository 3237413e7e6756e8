"""The INVITE that the new party of a transfer gets (RFC 3515 §2.4.3): as any agent's or telephone's, with who has
transferred (RFC 3892), and the dialog that it is to replace, where the REFER named one that is not ours (RFC 3891)."""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua import invitation
from trunkline.call.b2bua.ledger import Ledger
from trunkline.call.b2bua.moving import Transfer
from trunkline.call.b2bua.search import Attempt
from trunkline.call.leg.target import Target
from trunkline.call.leg.user_agent import UserAgent
from trunkline.routing.outbound import Carrier

_HOPS: Final = 69


def target(ua: UserAgent, ledger: Ledger, transfer: Transfer, candidate: Attempt) -> Target:
    """How it is called."""
    found = _asked(ua.brand, ledger, transfer, candidate)
    return invitation.on_its_way(found, candidate, ua.service_routes, bool(transfer.candidates))


def _asked(brand: str, ledger: Ledger, transfer: Transfer, candidate: Attempt) -> Target:
    referral = transfer.referral
    by = f"Referred-By: {referral.by}\r\n" if referral.by else ""
    if isinstance(candidate, Carrier):
        found = invitation.outward(candidate, ledger.phone_number or "", False, referral.headers, _HOPS)
        return found._replace(headers=f"{found.headers}{by}")
    number = transfer.number
    found = invitation.target(
        candidate.uri or "",
        candidate.transport,
        candidate.trunk,
        number,
        transfer.caller,
        f"call_{ledger.id}",
        brand,
        referral.headers,
        (),
        invitation.facts(ledger) if number is not None and number.metadata else {},
        _HOPS,
    )
    if referral.replaces:
        by += f"Replaces: {referral.replaces}\r\nRequire: replaces\r\n"
    public = not candidate.agent.id and candidate.trunk is None
    found = found._replace(headers=f"{found.headers}{by}", public=public, foreign="" if public else None)
    redirects = transfer.redirects
    return redirects.guarded(found, candidate) if redirects is not None and redirects.foreign(candidate) else found
