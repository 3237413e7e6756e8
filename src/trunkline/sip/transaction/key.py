"""What makes two messages one transaction (RFC 3261 §17.1.3, §17.2.3)."""

from __future__ import annotations

from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Request, Response
from trunkline.sip.token import MAGIC_COOKIE


def client_key(response: Response) -> str:
    """The client transaction a response belongs to: its branch and the method of its CSeq."""
    return f"{response.via.branch} {response.cseq_method}"


def server_key(request: Request, method: str | None = None) -> str:
    """The server transaction a request belongs to. An ACK shares the key of its INVITE; `method` asks for the key that
    another method on the same branch has (a CANCEL looking for its INVITE)."""
    via = request.via
    branch = via.branch
    name = method or ("INVITE" if request.method == "ACK" else request.method)
    if branch is not None and branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return f"{branch} {via.host}:{via.port} {name}"
    # RFC 2543 peers, or a branch that is nothing but the cookie: the whole identity of the request stands in. The To
    # tag is left out: the ACK of a refusal has the one that we put there.
    return (
        f"{request.uri} {request.from_tag} {request.call_id} {request.cseq} "
        f"{via.transport} {via.host}:{via.port};{branch} {name}"
    )


def astray(response: Response) -> bool:
    """Whether a response has more Vias than that of who asked: it was meant for somebody else (§8.1.3.3)."""
    vias = response.headers("via")
    return len(vias) > 1 or ("," in vias[0] and len(split_commas(vias[0])) > 1)
