"""Editions of the catalogue: what moved between two of them, and what that does to the findings of one system."""

from __future__ import annotations

import json

import pytest
from systems import SAMPLES

from threatkit import CatalogError, NotFoundError, analyze, catalog_changes, catalog_diff, load_catalog, sample
from threatkit.cli import main
from threatkit.references import find_edition, load_changes, load_editions

OLD, NEW = load_catalog(edition="2025.1"), load_catalog()
FLAGSHIP = "support-assistant"
CLASSICAL = ("cwe", "capec", "gdpr", "linddun", "eu_ai_act", "nist_ai_600_1")


# -- editions ----------------------------------------------------------------------------------------


def test_the_newest_edition_is_the_catalogue_without_an_edition():
    assert load_catalog(edition="2026.11") == NEW
    assert (NEW.edition, OLD.edition) == ("2026.11", "2025.1")
    assert [edition.id for edition in load_editions()] == ["2025.1", "2026.11"]


def test_each_edition_has_its_line_in_the_change_log_newest_first():
    versions = [change.version for change in load_changes()]
    assert versions == [edition.version for edition in reversed(load_editions())]
    assert versions[0] == NEW.version
    assert [change.date for change in load_changes()] == sorted((c.date for c in load_changes()), reverse=True)


def test_the_older_edition_knows_the_lists_of_its_time_only():
    assert all(id.endswith(":2025") for id in OLD.references["owasp_llm"])
    assert len(OLD.references["owasp_llm"]) == 10
    assert not {"owasp_asi", "owasp_mcp", "owasp_dsgai", "atlas", "cosai"} & set(OLD.references)
    for rule in OLD.rules.values():
        for name, ids in rule.references.items():
            assert ids and set(ids) <= set(OLD.references[name])


def test_the_older_edition_has_the_rules_that_do_not_say_since():
    assert set(OLD.rules) == {id for id, rule in NEW.rules.items() if not rule.since}
    for id, rule in OLD.rules.items():
        assert rule.when is NEW.rules[id].when, "no rule is written twice"


@pytest.mark.parametrize("id", [id for id, rule in NEW.rules.items() if rule.since])
def test_a_rule_of_the_newer_edition_rests_on_an_agentic_list(id):
    assert set(NEW.rules[id].references) & {"owasp_asi", "owasp_mcp"}


@pytest.mark.parametrize("id", OLD.rules)
def test_a_rule_of_the_older_edition_rests_on_a_list_of_its_time(id):
    assert set(OLD.rules[id].references) & {"owasp_llm", *CLASSICAL}


@pytest.mark.parametrize("id", ["2025.2", "", "latest", "../2025.1"])
def test_an_edition_that_does_not_exist_is_refused_with_those_that_do(id):
    with pytest.raises(NotFoundError, match=r"there are 2025\.1, 2026\.11"):
        load_catalog(edition=id)


RULE = """\
- id: our-rule
  title: A threat of our own
  {since}on: element
  when: kind(agent)
  stride: [tampering]
  references: {{owasp_llm: ["LLM06:2025", "LLM03:2026"]}}
  explain: "{{place}}"
"""


@pytest.mark.parametrize(("since", "older"), [("", True), ('since: "2025.1"\n  ', True), ("since: 2026.11\n  ", False)])
def test_rules_of_ones_own_belong_to_editions_too(since, older, tmp_path):
    (tmp_path / "ours.yaml").write_text(RULE.format(since=since), encoding="utf-8")
    assert load_catalog(tmp_path).rule("our-rule").references == {"owasp_llm": ("LLM06:2025", "LLM03:2026")}
    found = load_catalog(tmp_path, edition="2025.1")
    assert ("our-rule" in found.rules) == older
    if older:
        assert found.rule("our-rule").references == {"owasp_llm": ("LLM06:2025",)}


@pytest.mark.parametrize("since", ["2024.1", "[2026.11]", "true", "2026"])
def test_a_rule_since_an_edition_that_does_not_exist_is_refused(since, tmp_path):
    (tmp_path / "ours.yaml").write_text(RULE.format(since=f"since: {since}\n  "), encoding="utf-8")
    with pytest.raises(CatalogError, match="ours.yaml:3:.*there is no edition"):
        load_catalog(tmp_path)


# -- the difference between two catalogues -----------------------------------------------------------


def test_the_difference_names_added_rules_and_renumbered_ids():
    found = catalog_diff(OLD, NEW)
    assert [rule.id for rule in found.added] == [id for id, rule in NEW.rules.items() if rule.since == "2026.11"]
    assert found.gone == ()
    moved = {one.old: (one.new, one.old_name, one.new_name) for one in found.renumbered}
    assert moved["LLM06:2025"] == ("LLM03:2026", "Excessive Agency", "Excessive Agency")
    assert moved["LLM07:2025"] == ("LLM08:2026", "System Prompt Leakage", "Hidden Context Exposure")
    assert len(moved) == 10
    assert {one.differs for one in found.changed} == {("references",)}


def test_the_difference_backwards_has_added_and_gone_the_other_way_round():
    there, back = catalog_diff(OLD, NEW), catalog_diff(NEW, OLD)
    assert [rule.id for rule in back.gone] == [rule.id for rule in there.added]
    assert (back.added, back.renumbered) == ((), ())


def test_a_catalogue_does_not_differ_from_itself():
    found = catalog_diff(NEW, NEW)
    assert (found.added, found.gone, found.changed, found.renumbered) == ((), (), (), ())


@pytest.fixture
def ours(tmp_path):
    (tmp_path / "ours.yaml").write_text(
        "- {id: agency-no-undo, off: true}\n"
        "- {id: storage-plain, title: Ours, on: element, when: kind(memory), stride: [spoofing],\n"
        '   references: {cwe: [CWE-311]}, explain: "{place}"}\n',
        encoding="utf-8",
    )
    return tmp_path


def test_a_changed_rule_says_what_differs(ours):
    found = catalog_diff(NEW, load_catalog(ours))
    assert [rule.id for rule in found.gone] == ["agency-no-undo"]
    assert [one.id for one in found.changed] == ["storage-plain"]
    assert {"when", "stride", "references", "cuts"} <= set(found.changed[0].differs)
    change = found.to_dict()["changed"][0]
    assert change["when"][1] == "kind(memory)" and change["stride"] == [["information_disclosure"], ["spoofing"]]


# -- what it does to findings ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_no_finding_is_lost_when_the_catalogue_moves_and_the_new_ones_say_why(name):
    system = sample(name)
    before = {finding.id for finding in analyze(system, OLD).findings}
    after = {finding.id for finding in analyze(system, NEW).findings}
    changes = catalog_changes(system, OLD, NEW)
    assert before <= after
    new = [change for change in changes if change.kind == "new"]
    assert {change.id for change in new} == after - before
    assert {change.cause for change in changes} <= {"catalogue"}
    for change in new:
        assert change.reason == f"the rule {change.finding.rule} came with edition 2026.11"
    assert not [change for change in changes if change.kind == "gone"]


def test_the_ids_renumber_on_the_same_finding():
    changes = {change.id: change for change in catalog_changes(sample(FLAGSHIP), OLD, NEW)}
    change = changes["agency-unapproved-effect@send"]
    assert change.kind == "references"
    assert [(one.old, one.new) for one in change.renumbered] == [("LLM06:2025", "LLM03:2026")]
    assert "LLM06:2025 is LLM03:2026 now" in change.reason
    assert [change.id for change in changes.values() if change.kind == "new"]


def test_backwards_the_new_ones_are_gone_with_the_reason():
    changes = catalog_changes(sample(FLAGSHIP), NEW, OLD)
    gone = [change for change in changes if change.kind == "gone"]
    assert {c.id for c in gone} == {c.id for c in catalog_changes(sample(FLAGSHIP), OLD, NEW) if c.kind == "new"}
    assert all("is no more in 2025.1" in change.reason for change in gone)


def test_a_changed_condition_is_given_as_the_reason(ours):
    changes = catalog_changes(sample(FLAGSHIP), NEW, load_catalog(ours))
    kinds = {change.finding.rule: (change.kind, change.reason) for change in changes}
    assert all(rule in ("agency-no-undo", "storage-plain") for rule in kinds)
    assert catalog_changes(analyze(sample(FLAGSHIP)), NEW) == []


# -- the commands ------------------------------------------------------------------------------------


def test_catalog_shows_version_editions_and_change_log(capsys):
    assert main(["catalog"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Threat catalogue {NEW.version}: {len(NEW.rules)} rules")
    for edition in load_editions():
        assert edition.means in out
    for change in load_changes():
        assert f"{change.version}, {change.date}" in out


def test_catalog_diff_shows_what_moved(capsys, ours):
    assert main(["catalog", "diff", "2025.1", "2026.11"]) == 0
    out = capsys.readouterr().out
    assert "14 rules added" in out and "memory-poisoning " in out
    assert any(line.split() == ["LLM06:2025", "LLM03:2026", *["Excessive", "Agency"] * 2] for line in out.splitlines())
    assert main(["catalog", "diff", "2026.11", str(ours)]) == 0
    out = capsys.readouterr().out
    assert "1 rule gone" in out and "is: kind(memory)" in out


def test_catalog_diff_as_json_is_that_of_the_two_catalogues(capsys):
    assert main(["catalog", "diff", "2025.1", "2026.11", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1} | catalog_diff(OLD, NEW).to_dict()


def test_catalog_diff_refuses_what_is_neither_an_edition_nor_a_folder(capsys, tmp_path):
    assert main(["catalog", "diff", "2025.1", "2026.1"]) == 2
    assert 'no edition "2026.1"; did you mean "2026.11"?' in capsys.readouterr().err
    assert main(["catalog", "diff", "2025.1", str(tmp_path / "nowhere\x1b[31m")]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_analyze_marks_what_is_new_since_an_edition(capsys):
    assert main(["analyze", FLAGSHIP, "--since", "2025.1", "--top", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    new = [change for change in catalog_changes(sample(FLAGSHIP), OLD, NEW) if change.kind == "new"]
    assert lines[2].startswith(f"Since edition 2025.1, because the catalogue moved: {len(new)} new, 0 gone, ")
    marked = [line.split()[-1] for line in lines if " NEW " in line]
    assert sorted(marked) == sorted(change.finding.rule for change in new)
    assert main(["analyze", FLAGSHIP, "--since", "2024.1"]) == 2


def test_analyze_as_json_has_the_changes_since_an_edition(capsys):
    assert main(["analyze", FLAGSHIP, "--json", "--since", "2025.1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["since"]["edition"] == "2025.1"
    assert result["since"]["changes"] == [c.to_dict() for c in catalog_changes(sample(FLAGSHIP), OLD, NEW)]
    assert main(["analyze", FLAGSHIP, "--json"]) == 0
    assert "since" not in json.loads(capsys.readouterr().out)


def test_find_edition_takes_ids_of_its_lists_only():
    edition = find_edition("2025.1")
    assert edition.takes("owasp_llm", "LLM01:2025") and not edition.takes("owasp_llm", "LLM01:2026")
    assert edition.takes("cwe", "CWE-79") and not edition.takes("atlas", "AML.T0051")
