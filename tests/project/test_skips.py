"""A skip for want of a tool or of data passes on a developer's machine and fails in CI; other skips pass in both."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SKIPS = """
import pytest

def test_tool():
    pytest.skip("tool: sipp is not installed")

@pytest.mark.skipif(True, reason="data: ../shared/torture is not beside the checkout")
def test_data():
    raise AssertionError("it is skipped")

@pytest.mark.skip(reason="the platform has no IPv6")
def test_other():
    raise AssertionError("it is skipped")

@pytest.mark.xfail(reason="tool: not about tools")
def test_expected():
    raise AssertionError("it is expected")

def test_passes():
    assert True
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, root: Path) -> pytest.Pytester:
    pytester.makeconftest((root / "tests" / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {root}")
    pytester.makepyfile(SKIPS)
    return pytester


def test_a_developer_may_lack_things(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1, skipped=3, xfailed=1)


def test_ci_may_not(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, skipped=1, xfailed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*nothing may be missing: tool: sipp is not installed*"])


def test_ci_refuses_a_whole_file_skipped_for_a_tool(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(test_whole="import pytest\npytest.skip('tool: kamailio', allow_module_level=True)")
    suite.runpytest_subprocess("test_whole.py", "-p", "no:cacheprovider").assert_outcomes(errors=1)
