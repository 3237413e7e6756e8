"""What is wrong with a session description that cannot be read."""

from __future__ import annotations


class SdpError(ValueError):
    """The text is not a session description, or one beyond our limits. Its message is fit for a Warning header."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        """The SIP answer it deserves: 400, or 413 when it is too large (RFC 3261 §21.4.1, §21.4.11)."""
