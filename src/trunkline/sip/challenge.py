"""Challenges and credentials as header values: WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization
(RFC 3261 §20.7, §20.27, §20.28, §20.44; RFC 7616 §3.3, §3.4).

One header line is one challenge or one set of credentials: these four are never joined by commas (RFC 3261 §7.3.1).
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.sip.grammar import GrammarError, is_token, quote, quoted_end, split_commas, unescape, unquote


class ChallengeError(GrammarError):
    """The value is neither a challenge nor credentials, or not of the Digest scheme."""


class Challenge(NamedTuple):
    """What a server asks with. Only `str()` of ours is sent; a peer's is read to be answered."""

    realm: str
    nonce: str
    algorithm: str = ""
    """As written; empty when absent, which means MD5."""
    qop: tuple[str, ...] = ()
    """The offered protections in lower case; empty for a peer that speaks RFC 2069."""
    opaque: str | None = None
    stale: bool = False

    def __str__(self) -> str:
        text = f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}"
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        if self.stale:
            text += ", stale=TRUE"
        if self.algorithm:
            text += f", algorithm={self.algorithm}"
        return f'{text}, qop="{",".join(self.qop)}"' if self.qop else text


class Credentials(NamedTuple):
    """What a client answers with."""

    username: str
    realm: str
    nonce: str
    uri: str
    """The digest-uri: what the client asked for when it computed the response."""
    response: str
    """Lower-case hexadecimal."""
    algorithm: str = ""
    """As written; empty when absent, which means MD5."""
    qop: str = ""
    """In lower case; empty when absent."""
    cnonce: str = ""
    nc: str = ""
    """The nonce count as written, eight hexadecimal digits; empty when absent."""
    opaque: str | None = None

    def __str__(self) -> str:
        text = (
            f"Digest username={quote(self.username)}, realm={quote(self.realm)}, nonce={quote(self.nonce)}, "
            f'uri={quote(self.uri)}, response="{self.response}"'
        )
        if self.algorithm:
            text += f", algorithm={self.algorithm}"
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        if self.cnonce:
            text += f", cnonce={quote(self.cnonce)}"
        return f"{text}, qop={self.qop}, nc={self.nc}" if self.qop else text

    @property
    def nonce_count(self) -> int:
        """The nonce count; 0 when absent."""
        return int(self.nc, 16) if self.nc else 0


def parse_challenge(value: str) -> Challenge:
    """Raises ChallengeError, for another scheme than Digest too."""
    fields = _digest_fields(value)
    realm, nonce = fields.get("realm"), fields.get("nonce")
    if realm is None or nonce is None:
        raise ChallengeError("a challenge needs a realm and a nonce")
    qop = tuple([word.lower() for word in split_commas(fields.get("qop", ""))])
    stale = fields.get("stale", "").lower() == "true"
    return Challenge(realm, nonce, _algorithm(fields), qop, fields.get("opaque"), stale)


def parse_credentials(value: str) -> Credentials:
    """Raises ChallengeError, for another scheme than Digest too."""
    fields = _digest_fields(value)
    username = fields.get("username")
    if username is None and "username*" in fields:
        # RFC 7616 §3.4.4, RFC 5987: charset'language'escaped
        username = unescape(fields["username*"].rpartition("'")[2])
    try:
        realm, nonce, uri, response = fields["realm"], fields["nonce"], fields["uri"], fields["response"].lower()
    except KeyError as missing:
        raise ChallengeError(f"credentials without {missing.args[0]}") from None
    if username is None:
        raise ChallengeError("credentials without username")
    qop, cnonce, nc = fields.get("qop", "").lower(), fields.get("cnonce", ""), fields.get("nc", "")
    if qop and not (cnonce and _is_hex(nc, 8)):
        raise ChallengeError("credentials with qop need cnonce and nc")
    if not qop:
        nc = ""
    elif not is_token(qop):
        raise ChallengeError("qop is malformed")
    if not _is_hex(response, len(response)):
        raise ChallengeError("response is not hexadecimal")
    return Credentials(username, realm, nonce, uri, response, _algorithm(fields), qop, cnonce, nc, fields.get("opaque"))


def credentials_for(values: list[str], realm: str) -> Credentials | None:
    """The first Digest credentials for `realm` among the lines of one header. What is malformed, of another scheme
    (RFC 4475 §3.3.7) or another realm is passed over: its sender is challenged as if it had sent none."""
    for value in values:
        try:
            credentials = parse_credentials(value)
        except ChallengeError:
            continue
        if credentials.realm == realm:
            return credentials
    return None


def _algorithm(fields: dict[str, str]) -> str:
    algorithm = fields.get("algorithm", "")
    if algorithm and not is_token(algorithm):
        raise ChallengeError("algorithm is malformed")
    return algorithm


def _digest_fields(value: str) -> dict[str, str]:
    """The auth-params by lower-case name, unquoted. A name that comes twice is refused: two readers of the same
    credentials must not see two users."""
    scheme, rest = value[:6], value[6:]
    if scheme.lower() != "digest" or rest[:1] not in {" ", "\t"}:
        raise ChallengeError("not of the Digest scheme")
    fields: dict[str, str] = {}
    for part in split_commas(rest):
        name, equals, text = part.partition("=")
        name, text = name.rstrip(" \t").lower(), text.lstrip(" \t")
        if not equals or not is_token(name):
            raise ChallengeError("an auth-param is malformed")
        if text[:1] == '"':
            if quoted_end(text) != len(text):
                raise ChallengeError("a quoted value is malformed")
            text = unquote(text)
        elif not text or '"' in text or " " in text or "\t" in text:
            raise ChallengeError("a value is malformed")
        if name in fields:
            raise ChallengeError("an auth-param comes twice")
        fields[name] = text
    return fields


def _is_hex(text: str, length: int) -> bool:
    return 0 < len(text) == length and _HEX.issuperset(text)


_HEX = frozenset("0123456789abcdefABCDEF")
