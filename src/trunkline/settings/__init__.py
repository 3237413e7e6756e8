"""Settings: one frozen tree, read from a TOML file and the environment before anything starts.

`tree` says what may be set and what holds when nothing is, `read` makes the tree, `words` says what a value must be,
`live` what a running edge takes over when the file is read again.
Rooms never see the tree: the composition root hands each what it needs.
"""

from __future__ import annotations

from trunkline.settings.read import SettingsError, changed, find, flat, load
from trunkline.settings.tree import Listener, Settings

__all__ = ["Listener", "Settings", "SettingsError", "changed", "find", "flat", "load"]
