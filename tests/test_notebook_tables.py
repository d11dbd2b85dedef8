"""What a notebook shows of an analysis: tables that people and screen readers can follow, with every name escaped."""

import xml.etree.ElementTree as ElementTree

import pytest

import threatkit

HOSTILE = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture(scope="module")
def hostile():
    """A system whose every name tries to be HTML, and a finding in it."""
    app = threatkit.System(HOSTILE)
    app.boundary("net", name=HOSTILE, trust="untrusted")
    app.element("page", "external_entity", name=HOSTILE, boundary="net")
    app.element("bot", "agent", name=HOSTILE, without=["content_provenance_labels"])
    app.flow("read", "page", "bot", name=HOSTILE)
    return threatkit.analyze(app)


def parsed(shown) -> ElementTree.Element:
    """The HTML as a tree, which fails where a name broke out of its cell."""
    return ElementTree.fromstring(f"<div>{shown._repr_html_()}</div>")


def test_names_from_the_model_are_text_and_never_markup(hostile):
    finding = hostile.finding("injection-indirect@bot")
    for shown in (hostile, finding, hostile.why(finding.rule, "bot")):
        tree = parsed(shown)
        assert tree.find(".//img") is None
        assert any(HOSTILE in (node.text or "") for node in tree.iter())


def test_an_analysis_is_a_table_of_its_riskiest_findings():
    analysis = threatkit.analyze(threatkit.sample("support-assistant"))
    tree = parsed(analysis)
    assert f"{len(analysis.findings)} findings, the 10 riskiest; " in tree.find(".//caption").text
    assert [cell.get("scope") for cell in tree.findall(".//thead//th")] == ["col"] * 5
    assert [row[2].text for row in tree.findall(".//tbody/tr")] == [f.title for f in analysis.findings[:10]]


def test_a_finding_names_its_rows_and_leaves_out_what_it_does_not_have():
    analysis = threatkit.analyze(threatkit.sample("support-assistant"))
    without_path = next(finding for finding in analysis.findings if not finding.path)
    rows = {row[0].text: row[1].text for row in parsed(without_path).findall(".//tr")}
    assert rows["id"] == without_path.id
    assert "path" not in rows
    assert {row[0].get("scope") for row in parsed(without_path).findall(".//tr")} == {"row"}


def test_why_shows_each_fact_with_its_value_and_what_would_change_it():
    analysis = threatkit.analyze(threatkit.sample("support-assistant"))
    why = analysis.why("injection-indirect", "assistant")
    tree = parsed(why)
    assert tree.find(".//caption").text == "injection-indirect at assistant: fires"
    assert [row[0].text.strip() for row in tree.findall(".//tbody/tr")] == [reason.fact for reason in why.reasons]
    assert tree.find("p").text == why.change


def test_an_empty_system_is_a_table_without_rows():
    tree = parsed(threatkit.analyze(threatkit.System("Nothing yet")))
    assert tree.find(".//caption").text == "Nothing yet: 0 findings; 0 open questions"
    assert tree.findall(".//tbody/tr") == []
