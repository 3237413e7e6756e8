"""The tables of docs/operate.md that come from the code. `python -m tests.project.tables` writes them anew.

A test compares them, so that a new cause, metric or live setting cannot be forgotten there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from trunkline.call.decision.refusals import CAUSES
from trunkline.settings.live import LIVE
from trunkline.sip.status import phrase
from trunkline.telemetry.metrics import Metrics
from trunkline.telemetry.observe import Observer
from trunkline.telemetry.report import Report
from trunkline.telemetry.trace import Traces

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
_BLOCK = re.compile(r"<!-- generated: (\w+) -->\n(.*?)<!-- end -->", re.DOTALL)


def causes() -> str:
    """The words of refusals, in the order in which arrival comes to them."""
    lines = ["| word | answer | Q.850 | what would mend it |", "|---|---|---|---|"]
    for word, cause in CAUSES.items():
        lines.append(f"| `{word}` | {cause.status} {phrase(cause.status)} | {cause.q850} | {cause.mend} |")
    return "\n".join(lines)


def metrics() -> str:
    """The edge's own series, as a scrape names them."""
    text = Metrics(Observer(0.0, Traces(1, 1, 1), Report())).text()
    kinds = dict(re.findall(r"^# TYPE (trunkline_\w+) (\w+)$", text, re.MULTILINE))
    lines = ["| series | kind | what |", "|---|---|---|"]
    for name, words in re.findall(r"^# HELP (trunkline_\w+) (.+)$", text, re.MULTILINE):
        lines.append(f"| `{name}` | {kinds[name]} | {words} |")
    return "\n".join(lines)


def live() -> str:
    """The settings that a running edge takes over."""
    return "\n".join([f"- `{name}*`" if name.endswith(".") else f"- `{name}`" for name in LIVE])


TABLES: dict[str, Callable[[], str]] = {"causes": causes, "metrics": metrics, "live": live}


def written(page: str) -> str:
    """The page with its tables as they are now."""
    return _BLOCK.sub(lambda block: f"<!-- generated: {block[1]} -->\n{TABLES[block[1]]()}\n<!-- end -->", page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
