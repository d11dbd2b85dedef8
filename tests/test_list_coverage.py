"""Coverage: each entry of a public list has rules or a reason, and the reasons are kept up to date."""

from __future__ import annotations

import json

import pytest

from threatkit import CatalogError, coverage, load_catalog
from threatkit.cli import main
from threatkit.list_coverage import OF_OTHER_THINGS, read_reasons
from threatkit.references import load_references

LISTS = {one.list: one for one in coverage()}


def test_every_public_list_is_shown_and_the_two_years_of_one_list_are_two():
    assert {name.partition(":")[0] for name in LISTS} == set(load_references()) - set(OF_OTHER_THINGS)
    assert {"owasp_llm:2025", "owasp_llm:2026"} <= set(LISTS)
    for year in ("2025", "2026"):
        assert all(entry.id.endswith(year) for entry in LISTS[f"owasp_llm:{year}"].entries)


@pytest.mark.parametrize("name", ["owasp_llm:2025", "owasp_llm:2026", "owasp_asi", "owasp_mcp"])
def test_every_entry_of_the_owasp_top_tens_has_a_rule(name):
    assert len(LISTS[name].entries) == 10
    assert LISTS[name].uncovered == ()


@pytest.mark.parametrize("name", LISTS)
def test_every_entry_has_rules_or_a_reason_and_never_both(name):
    for entry in LISTS[name].entries:
        assert bool(entry.rules) != bool(entry.reason), entry.id
        assert entry.name and entry.url.startswith("https://")
        assert not entry.reason or (entry.reason.endswith(".") and entry.reason.isascii())


@pytest.mark.parametrize("name", LISTS)
def test_the_rules_of_an_entry_are_those_that_cite_it_or_a_part_of_it(name):
    file = name.partition(":")[0]
    for entry in LISTS[name].entries:
        parts = {entry.id, *(id for id, e in load_references()[file].items() if e.get("parent") == entry.id)}
        citing = [rule.id for rule in load_catalog().rules.values() if parts & set(rule.references.get(file, ()))]
        assert list(entry.rules) == citing


def test_an_older_edition_has_its_lists_only_and_says_what_came_later():
    found = {one.list: one for one in coverage(load_catalog(edition="2025.1"))}
    assert "owasp_llm:2025" in found
    assert not {"owasp_llm:2026", "owasp_asi", "owasp_mcp", "atlas"} & set(found)
    later = next(entry for entry in found["linddun"].entries if entry.id == "L")
    assert later.rules == () and "later edition" in later.reason


def test_rules_of_ones_own_count(tmp_path):
    (tmp_path / "ours.yaml").write_text(
        "- {id: our-side-channel, title: Ours, on: element, when: kind(llm), stride: [tampering],\n"
        '   references: {linddun: [D]}, explain: "{place}"}\n',
        encoding="utf-8",
    )
    found = {one.list: one for one in coverage(load_catalog(tmp_path))}
    assert next(entry for entry in found["linddun"].entries if entry.id == "D").rules == ("our-side-channel",)


BAD = [
    ("no such list", "atlass:\n  - {why: W., ids: [X]}\n", 1, 'there is no list "atlass"; did you mean "atlas"?'),
    ("no such entry", "cwe:\n  - why: W.\n    ids: [CWE-1039, CWE-9]\n", 3, 'there is no entry "CWE-9"'),
    ("a number as id", "cwe:\n  - {why: W., ids: [1039]}\n", 2, "there is no entry 1039"),
    ("a rule after all", "owasp_asi:\n  - why: W.\n    ids:\n      - ASI01\n", 4, "ASI01 has a rule after all: "),
    ("a part has a rule", "atlas:\n  - {why: W., ids: [AML.T0051]}\n", 2, "AML.T0051 has a rule after all: "),
    ("said twice", "linddun:\n  - {why: W., ids: [D]}\n  - {why: V., ids: [D]}\n", 3, "D stands twice"),
    (
        "a tactic that is done",
        "atlas:\n  - {why: W., ids: [AML.TA0010]}\n",
        2,
        "each technique of AML.TA0010 has a rule",
    ),
    ("no reason", "linddun:\n  - {ids: [D]}\n", 2, "expected why: a sentence, and ids: a list"),
    ("no list of ids", "linddun:\n  - {why: W., ids: D}\n", 2, "expected why: a sentence, and ids: a list"),
    ("not a list", "linddun: D\n", 1, "expected why: a sentence, and ids: a list"),
]


@pytest.mark.parametrize(("text", "line", "says"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_reason_that_is_out_of_date_is_refused_with_file_and_line(text, line, says, tmp_path):
    file = tmp_path / "not_covered.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        read_reasons(file)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [(str(file), line)]
    assert says in str(caught.value)


def test_the_command_shows_the_figures_and_the_reasons(capsys):
    assert main(["coverage"]) == 0
    out = capsys.readouterr().out
    for one in LISTS.values():
        row = next(line for line in out.splitlines() if line.startswith(f"{one.list} "))
        assert row.split()[-3:] == [str(len(group)) for group in (one.entries, one.covered, one.uncovered)]
    assert "(1: D)" in out


def test_the_command_shows_each_entry_of_a_list_with_its_rules(capsys):
    assert main(["coverage", "owasp_asi", "owasp_llm"]) == 0
    out = capsys.readouterr().out
    assert "OWASP Top 10 for Agentic Applications 2026: 10 of 10 have rules" in out
    for entry in (*LISTS["owasp_asi"].entries, *LISTS["owasp_llm:2025"].entries, *LISTS["owasp_llm:2026"].entries):
        row = next(line for line in out.splitlines() if line.startswith(entry.id))
        assert entry.rules[0] in row
    assert main(["coverage", "owasp_aso"]) == 2
    assert 'did you mean "owasp_asi"?' in capsys.readouterr().err


def test_the_json_of_the_coverage_is_that_of_the_lists(capsys):
    assert main(["coverage", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"version": 1, "lists": [one.to_dict() for one in coverage()]}
