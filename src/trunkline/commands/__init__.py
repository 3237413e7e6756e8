"""What `trunkline` can be told, a command a file. Each has `add`, which describes it, and `run`, which does it.

`add` runs for every command at every start: what is slow to import is imported in `run`.
"""

from __future__ import annotations
