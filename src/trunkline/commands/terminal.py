"""What every command says things with: the console, the one kind of failure, and text made fit to be shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FAILED, MISUSED = 1, 2
"""Exit codes: what was asked did not succeed; it could not be asked like that."""

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Sorry(Exception):
    """Why the command ends here: one clear sentence that says what to do."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def console() -> Console:
    """Where to write: in colours on a terminal, plain into a file or pipe, and never broken into lines of its own."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def fit(text: str) -> str:
    """Text of others without what a terminal would obey: escape sequences, and marks that turn the reading order."""
    return _UNSAFE.sub("�", text.replace("\r\n", "\n"))
