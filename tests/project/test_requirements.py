"""The table of requirements is the tests' own, and leaves out none of the surfaces' requirements."""

from __future__ import annotations

from tests.project import requirements

SHOWN = list(requirements.tests())


def test_names_are_read() -> None:
    assert requirements.requirements("test_s1_13_14_r18_the_sum") == ("S1-13", "S1-14", "R18")
    assert requirements.requirements("test_r7_both") == ("R7",)
    assert requirements.requirements("test_s1_04_s2_05_x") == ("S1-04", "S2-05")
    assert requirements.requirements("test_it_runs") == ()


def test_paths_are_found_in_the_route_table() -> None:
    found = {route for shown in SHOWN for route in shown.routes}
    assert "GET /api/v1/telephony/numbers/search" in found
    assert "POST /api/v1/telephony/numbers/{numberId}/assign/{agentId}" in found


def test_the_page_has_every_requirement_that_is_tested() -> None:
    """`python -m tests.project.requirements` writes the table anew."""
    page = requirements.PAGE.read_text("utf-8")
    tested = {requirement for shown in SHOWN for requirement in shown.requirements}
    assert [each for each in sorted(tested) if f"| {each} |" not in page] == []
