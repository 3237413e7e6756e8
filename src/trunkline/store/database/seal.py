"""Credentials at rest: sealed with Fernet (AES-128-CBC and HMAC-SHA256) under a key that is not in the database.

The key file holds one key a line. The first seals; all of them open. To rotate: put a new first line, restart, which
reseals what the others have sealed (`Store.reseal`), then drop the old line. Empty lines and lines that begin with `#`
are passed over.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from trunkline.model.secret import Secret
from trunkline.store.database.errors import WrongKey


class Seal:
    """Closes and opens secrets with the keys of one file."""

    __slots__ = ("_fernet", "fresh", "path", "several")

    def __init__(self, path: Path, keys: list[Fernet], *, fresh: bool) -> None:
        self._fernet = MultiFernet(keys)
        self.path = path
        self.several = len(keys) > 1
        """Whether what was sealed with another key than the first can be opened."""
        self.fresh = fresh
        """Whether the file was made by this very start."""

    @classmethod
    def open(cls, path: Path) -> Seal:
        """The seal of the key file at `path`; the file is made, readable by its owner alone, when it is absent.
        Raises `WrongKey`."""
        try:
            fresh = not path.exists() and _create(path)
            text = path.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongKey(f"the key file {path} cannot be used: {error}") from None
        lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        if not lines:
            raise WrongKey(f"the key file {path} holds no key")
        keys = []
        for number, line in enumerate(lines, 1):
            try:
                keys.append(Fernet(line))
            except ValueError:
                # The line is not shown: it may be a key with a slip of the pen.
                raise WrongKey(f"key {number} in {path} is not 32 bytes in URL-safe base64") from None
        return cls(path, keys, fresh=fresh)

    @property
    def exposed(self) -> bool:
        """Whether others than its owner may read the key file."""
        return bool(stat.S_IMODE(self.path.stat().st_mode) & 0o077)

    def shut(self, secret: Secret) -> str:
        return self._fernet.encrypt(secret.reveal().encode("utf-8", "surrogateescape")).decode("ascii")

    def open_token(self, token: str) -> Secret:
        """Raises `WrongKey`, which names the file."""
        try:
            return Secret(self._fernet.decrypt(token).decode("utf-8", "surrogateescape"))
        except InvalidToken:
            raise self._wrong() from None

    def renew(self, token: str) -> str:
        """The same secret under the first key. Raises `WrongKey`."""
        try:
            return self._fernet.rotate(token).decode("ascii")
        except InvalidToken:
            raise self._wrong() from None

    def _wrong(self) -> WrongKey:
        if self.fresh:
            return WrongKey(
                f"the key file {self.path} was missing and has just been made anew, but the database holds credentials"
                " sealed with an earlier key: put the old file back, or its key as a second line"
            )
        return WrongKey(
            f"no key in {self.path} opens a credential of the database: it was sealed with another key, which belongs"
            " in that file as a further line"
        )


def _create(path: Path) -> bool:
    """Make the file whole or not at all, and never over another process's; whether it was us who made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
            return True
        return False
    finally:
        os.unlink(temporary)
