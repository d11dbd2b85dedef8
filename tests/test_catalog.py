"""The catalogue: broken rule files are refused with file and line, folders come on top, the rules are sound."""

from __future__ import annotations

import re
import string

import pytest

from threatkit import NotFoundError, analyze, load_catalog
from threatkit.analysis import Analysis
from threatkit.catalog import FIELDS, STRIDE, load_controls, load_references
from threatkit.errors import CatalogError
from threatkit.facts import FACTS
from threatkit.model import System
from threatkit.rules import GUARDS, Join, Not
from threatkit.vocabulary import words

CATALOG = load_catalog()
RULES = CATALOG.rules

GOOD_RULE = """\
- id: my-rule
  title: A threat of our own
  on: element
  when: kind(agent) and not guarded
  stride: [tampering]
  references: {cwe: [CWE-319]}
  explain: "{place} is an agent."
  ask: "Does a person confirm what {place} does?"
  controls: {cut: [human_approval], lower: [rate_limit]}
  likelihood: 3
  impact: [2, effect]
  cause: place
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD_RULE
    return GOOD_RULE.replace(old, new)


BROKEN = [
    # (what the file holds, line of the fault, what the message must say)
    ("unknown key", GOOD_RULE + "  severity: high\n", 13, 'unknown key "severity"'),
    ("misspelt key", changed("title:", "titel:"), 2, 'unknown key "titel"; did you mean "title"?'),
    ("no id", changed("- id: my-rule\n  title", "- title"), 1, 'a rule needs an "id"'),
    ("number as id", changed("my-rule", "7"), 1, 'a rule needs an "id"'),
    ("capital id", changed("my-rule", "My-Rule"), 1, 'a rule needs an "id"'),
    ("short id", changed("my-rule", "me"), 1, 'a rule needs an "id"'),
    ("id with a newline", changed("my-rule", '"my-rule\\n"'), 1, 'a rule needs an "id"'),
    ("id with a path", changed("my-rule", "../my-rule"), 1, 'a rule needs an "id"'),
    ("no title", changed("  title: A threat of our own\n", ""), 1, '"title" is missing'),
    ("no side", changed("  on: element\n", ""), 1, '"on" is missing'),
    ("no condition", changed("  when: kind(agent) and not guarded\n", ""), 1, '"when" is missing'),
    ("no stride", changed("  stride: [tampering]\n", ""), 1, '"stride" is missing'),
    ("no explanation", changed('  explain: "{place} is an agent."\n', ""), 1, '"explain" is missing'),
    ("title a number", changed("A threat of our own", "7"), 2, "title: expected a text"),
    ("title a list", changed("A threat of our own", "[a]"), 2, "title: expected a text"),
    ("title empty", changed("A threat of our own", ""), 2, "title: expected a text, found nothing"),
    ("explain a map", changed('"{place} is an agent."', "{a: b}"), 7, "explain: expected a text"),
    ("ask a truth", changed('"Does a person confirm what {place} does?"', "true"), 8, "ask: expected a text"),
    ("side unknown", changed("on: element", "on: flows"), 3, 'on: expected element or flow, found "flows"'),
    ("side a list", changed("on: element", "on: [flow]"), 3, "on: expected element or flow"),
    ("when empty", changed("when: kind(agent) and not guarded", "when: ''"), 4, "when: an expression is missing"),
    ("when a truth", changed("when: kind(agent) and not guarded", "when: true"), 4, "when: expected a text"),
    ("when a list", changed("when: kind(agent) and not guarded", "when: [a]"), 4, "when: expected a text"),
    ("unknown fact", changed("kind(agent)", "knid(agent)"), 4, 'unknown fact "knid" on element; did you mean "kind"?'),
    ("unknown word", changed("kind(agent)", "kind(agnet)"), 4, 'unknown word "agnet" of the kinds'),
    ("code in when", changed("kind(agent)", "__import__('os')"), 4, "when: "),
    ("no guard", changed(" and not guarded", ""), 4, 'must end in "and not guarded"'),
    ("guard not negated", changed("not guarded", "guarded"), 4, 'must end in "and not guarded"'),
    (
        "guard in a branch",
        changed("and not guarded", "and (tainted or not guarded)"),
        4,
        'must end in "and not guarded"',
    ),
    ("guard by or", changed("and not guarded", "or not guarded"), 4, 'must end in "and not guarded"'),
    ("guard in parentheses", changed("kind(agent) and not guarded", "not (guarded)  or tainted"), 4, "must end in"),
    (
        "guard without controls",
        changed("  controls: {cut: [human_approval], lower: [rate_limit]}\n", ""),
        4,
        "controls",
    ),
    ("stride unknown", changed("[tampering]", "[tampring]"), 5, 'unknown word "tampring"; did you mean "tampering"?'),
    ("stride a word", changed("[tampering]", "tampering"), 5, "stride: expected a list"),
    ("stride a map", changed("[tampering]", "{tampering: true}"), 5, "stride: expected a list"),
    ("stride with a list in it", changed("[tampering]", "[[tampering]]"), 5, "unknown word"),
    ("unknown list", changed("cwe:", "cve:"), 6, 'there is no list "cve"; did you mean "cwe"?'),
    ("unknown entry", changed("CWE-319", "CWE-0"), 6, 'unknown word "CWE-0"'),
    ("entry of another year", changed("{cwe: [CWE-319]}", '{owasp_llm: ["LLM01:2024"]}'), 6, '"LLM01:2024"'),
    ("entry without a year", changed("{cwe: [CWE-319]}", "{owasp_llm: [LLM01]}"), 6, 'unknown word "LLM01"'),
    ("entry a word", changed("[CWE-319]", "CWE-319"), 6, "cwe: expected a list"),
    ("entry a number", changed("[CWE-319]", "[319]"), 6, "unknown word 319"),
    ("references a list", changed("{cwe: [CWE-319]}", "[CWE-319]"), 6, "references: expected lists of ids by name"),
    ("unknown field", changed("{place} is", "{who} is"), 7, "unknown field {who}"),
    ("misspelt field", changed("{place} is", "{plaice} is"), 7, 'did you mean "place"?'),
    ("field with a dot", changed("{place} is", "{place.__class__} is"), 7, "unknown field"),
    ("field by number", changed("{place} is", "{0} is"), 7, "unknown field {0}"),
    ("empty field", changed("{place} is", "{} is"), 7, "unknown field {}"),
    ("field with a format", changed("{place} is", "{place!r:>99999999} is"), 7, "unknown field"),
    ("unknown field in ask", changed("what {place} does", "what {who} does"), 8, "ask: unknown field {who}"),
    ("unknown control", changed("[human_approval]", "[humna_approval]"), 9, 'did you mean "human_approval"?'),
    ("unknown lowering control", changed("[rate_limit]", "[rate_limits]"), 9, 'did you mean "rate_limit"?'),
    ("classifier that cuts", changed("[human_approval]", "[prompt_injection_classifier]"), 9, "is probabilistic"),
    (
        "controls a list",
        changed("{cut: [human_approval], lower: [rate_limit]}", "[human_approval]"),
        9,
        "expected cut:",
    ),
    ("controls by another word", changed("lower: [rate_limit]", "lowers: [rate_limit]"), 9, "expected cut:"),
    ("cut a word", changed("[human_approval]", "human_approval"), 9, "cut: expected a list"),
    (
        "likelihood 0",
        changed("likelihood: 3", "likelihood: 0"),
        10,
        "likelihood: expected a number from 1 to 5, found 0",
    ),
    ("likelihood 6", changed("likelihood: 3", "likelihood: 6"), 10, "expected a number from 1 to 5, found 6"),
    ("likelihood a text", changed("likelihood: 3", 'likelihood: "3"'), 10, 'from 1 to 5, found "3"'),
    ("likelihood a truth", changed("likelihood: 3", "likelihood: true"), 10, "from 1 to 5, found true"),
    ("likelihood a fraction", changed("likelihood: 3", "likelihood: 2.5"), 10, "from 1 to 5, found 2.5"),
    ("likelihood nothing", changed("likelihood: 3", "likelihood:"), 10, "from 1 to 5, found nothing"),
    ("likelihood a list", changed("likelihood: 3", "likelihood: [3]"), 10, "from 1 to 5"),
    ("likelihood not a number", changed("likelihood: 3", "likelihood: .nan"), 10, "from 1 to 5"),
    ("impact a word", changed("[2, effect]", "[2, money]"), 11, 'expected 1 to 5, data or effect, found "money"'),
    ("impact 0", changed("[2, effect]", "0"), 11, "expected 1 to 5, data or effect, found 0"),
    ("impact 9", changed("[2, effect]", "[9]"), 11, "expected 1 to 5, data or effect, found 9"),
    ("impact a truth", changed("[2, effect]", "true"), 11, "expected 1 to 5, data or effect, found true"),
    ("impact a map", changed("[2, effect]", "{data: 3}"), 11, "expected 1 to 5, data or effect"),
    ("impact nothing", changed("[2, effect]", ""), 11, "expected 1 to 5, data or effect"),
    ("cause unknown", changed("cause: place", "cause: plce"), 12, "expected place or mind or source or target"),
    ("not a list", "id: my-rule\n", 1, "a rule file is a list"),
    ("a text", "hello\n", 1, "a rule file is a list"),
    ("rule a text", "- hello\n", 1, 'a rule needs an "id"'),
    ("rule a list", "- [id, my-rule]\n", 1, 'a rule needs an "id"'),
    ("same id twice", GOOD_RULE + GOOD_RULE, 13, 'rule "my-rule" stands already in'),
    ("same key twice", GOOD_RULE + "  cause: mind\n", 13, "cause"),
    ("switches off what is not there", "- {id: my-ruel, off: true}\n", 1, 'no rule "my-ruel" to switch off'),
    ("not YAML", "- id: [\n", 2, ""),
    ("tab as indentation", "- id: a\n\tb: c\n", 2, ""),
    ("YAML with a Python object", "- !!python/object/apply:os.system ['true']\n", 1, ""),
    ("too deep", "[" * 200 + "]" * 200, 1, ""),
    ("null byte", "- id: my\x00rule\n", 1, ""),
]


@pytest.mark.parametrize(("text", "line", "says"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_rule_file_is_refused_with_file_line_and_reason(text, line, says, tmp_path):
    file = tmp_path / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path)
    places = [(problem.file, problem.line) for problem in caught.value.problems]
    assert (str(file), line) in places, str(caught.value)
    matching = [p.message for p in caught.value.problems if p.line == line]
    assert any(says in message for message in matching), str(caught.value)
    assert str(caught.value).startswith(f"{file}:{caught.value.problems[0].line}:")
    assert len(caught.value.problems) <= 3, "one fault, one or two messages:\n" + str(caught.value)


def test_a_file_that_is_not_utf8_is_refused_with_its_name(tmp_path):
    (tmp_path / "ours.yaml").write_bytes(GOOD_RULE.encode() + b"# \xff\xfe\n")
    with pytest.raises(CatalogError, match=r"ours\.yaml"):
        load_catalog(tmp_path)


def test_a_folder_that_is_missing_or_empty_or_a_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(CatalogError, match="nowhere: no such folder of rules"):
        load_catalog(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match=r"no \.yaml file with rules"):
        load_catalog(tmp_path)
    (tmp_path / "rules.txt").write_text(GOOD_RULE, encoding="utf-8")
    with pytest.raises(CatalogError, match=r"no \.yaml file with rules"):
        load_catalog(tmp_path)
    with pytest.raises(CatalogError, match="no such folder of rules"):
        load_catalog(tmp_path / "rules.txt")


def test_all_faults_of_all_files_of_all_folders_come_at_once_in_file_order(tmp_path):
    for folder, files in {"one": ["a", "b"], "two": ["c"]}.items():
        (tmp_path / folder).mkdir()
        for file in files:
            text = GOOD_RULE.replace("my-rule", f"my-rule-{file}").replace("likelihood: 3", "likelihood: 9")
            (tmp_path / folder / f"{file}.yaml").write_text(text.replace("[tampering]", "[melting]"), encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path / "one", tmp_path / "two", tmp_path / "three")
    found = [(problem.file.rsplit("/", 1)[-1], problem.line) for problem in caught.value.problems]
    assert found == [
        ("a.yaml", 5),
        ("a.yaml", 10),
        ("b.yaml", 5),
        ("b.yaml", 10),
        ("three", 0),
        ("c.yaml", 5),
        ("c.yaml", 10),
    ]


def test_one_bad_rule_keeps_the_others_of_its_file_from_loading_half_a_catalogue(tmp_path):
    before = dict(load_catalog().rules)
    text = GOOD_RULE + GOOD_RULE.replace("my-rule", "my-other").replace("likelihood: 3", "likelihood: 9")
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError):
        load_catalog(tmp_path)
    assert dict(load_catalog().rules) == before, "a refused folder left something behind"


# -- folders of users --------------------------------------------------------------------------------


def agent() -> System:
    system = System("One agent")
    system.element("bot", "agent", without=["human_approval"])
    return system


def test_a_folder_of_rules_comes_on_top_of_the_catalogue(tmp_path):
    (tmp_path / "ours.yml").write_text(GOOD_RULE, encoding="utf-8")
    catalog = load_catalog(tmp_path)
    assert list(catalog.rules) == [*RULES, "my-rule"]
    rule = catalog.rule("my-rule")
    assert (rule.line, rule.file) == (1, str(tmp_path / "ours.yml"))
    assert rule.controls == ("human_approval", "rate_limit")
    assert "my-rule" in [finding.rule for finding in analyze(agent(), catalog).findings]
    assert "my-rule" not in load_catalog().rules, "the built-in catalogue changed"
    assert catalog.version == CATALOG.version


def test_an_empty_file_in_a_folder_is_no_fault(tmp_path):
    (tmp_path / "ours.yaml").write_text(GOOD_RULE, encoding="utf-8")
    (tmp_path / "later.yaml").write_text("# nothing yet\n", encoding="utf-8")
    assert "my-rule" in load_catalog(tmp_path).rules


def test_a_rule_with_an_id_that_exists_replaces_that_rule(tmp_path):
    (tmp_path / "ours.yaml").write_text(GOOD_RULE.replace("my-rule", "agency-no-undo"), encoding="utf-8")
    catalog = load_catalog(tmp_path)
    assert list(catalog.rules) == list(RULES), "the order of the catalogue changed"
    assert catalog.rule("agency-no-undo").title == "A threat of our own"
    assert load_catalog().rule("agency-no-undo").title != "A threat of our own"


def test_a_rule_can_be_switched_off_and_a_later_folder_can_bring_it_back(tmp_path):
    for folder, text in {
        "off": "- {id: agency-no-undo, off: true}\n",
        "back": GOOD_RULE.replace("my-rule", "agency-no-undo"),
    }.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ours.yaml").write_text(text, encoding="utf-8")
    assert "agency-no-undo" not in load_catalog(tmp_path / "off").rules
    assert load_catalog(tmp_path / "off", tmp_path / "back").rule("agency-no-undo").title == "A threat of our own"
    assert "agency-no-undo" not in load_catalog(tmp_path / "back", tmp_path / "off").rules


def test_the_later_folder_wins(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        text = GOOD_RULE.replace("A threat of our own", f"Version {number}")
        (tmp_path / str(number) / "ours.yaml").write_text(text, encoding="utf-8")
    assert load_catalog(tmp_path / "1", tmp_path / "2").rule("my-rule").title == "Version 2"
    assert load_catalog(tmp_path / "2", tmp_path / "1").rule("my-rule").title == "Version 1"


def test_off_false_is_an_ordinary_rule_and_off_must_be_a_truth(tmp_path):
    (tmp_path / "ours.yaml").write_text(GOOD_RULE + "  off: false\n", encoding="utf-8")
    assert "my-rule" in load_catalog(tmp_path).rules
    (tmp_path / "ours.yaml").write_text(GOOD_RULE + '  off: "yes"\n', encoding="utf-8")
    with pytest.raises(CatalogError, match='off: expected true or false, found "yes"'):
        load_catalog(tmp_path)


def test_a_rule_that_is_not_there_is_named_with_the_nearest_one():
    with pytest.raises(NotFoundError, match='no rule "injection-indirct"; did you mean "injection-indirect"'):
        CATALOG.rule("injection-indirct")


def test_a_loaded_catalogue_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        CATALOG.rules["mine"] = None
    with pytest.raises(TypeError):
        CATALOG.references["cwe"]["CWE-0"] = {}
    with pytest.raises(AttributeError):
        CATALOG.version = "0"
    assert load_catalog() is CATALOG, "the built-in catalogue is read once"


# -- the rules that come with the kit ----------------------------------------------------------------

ALL = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@ALL
def test_every_rule_cites_a_public_list(rule):
    assert any(rule.references.values())
    for name, ids in rule.references.items():
        assert ids and len(set(ids)) == len(ids), f"{name}: nothing, or something twice"


@ALL
def test_every_rule_names_its_place_in_its_explanation(rule):
    wanted = {"place", "places", "source", "target"} if rule.side == "flow" else {"place", "places"}
    used = set(re.findall(r"\{(\w+)\}", rule.explain))
    assert used & wanted
    assert used <= set(FIELDS)
    assert len(rule.explain.split()) >= 12


@ALL
def test_a_path_is_told_only_by_rules_that_can_have_one(rule):
    reach = [leaf for leaf in rule.when.leaves if _reaches(leaf, rule.side)]
    if set(re.findall(r"\{(\w+)\}", rule.explain)) & {"path", "start", "end"}:
        assert reach, "the explanation tells a path, but no condition has one"


def _reaches(leaf, side):
    fact = FACTS.get(("element" if leaf.end else side, leaf.fact))
    return fact is not None and fact.reach is not None


@ALL
def test_every_question_of_a_rule_is_one_question_about_its_place(rule):
    guarded = any(leaf.fact in GUARDS for leaf in rule.when.leaves)
    assert bool(rule.ask) == guarded, "a rule asks where its controls are not said, and only there"
    if rule.ask:
        assert rule.ask.endswith("?") and rule.ask.count("?") == 1
        assert set(re.findall(r"\{(\w+)\}", rule.ask)) <= {"place", "source", "target"}
        assert len(rule.ask.split()) <= 30, "a question that is read aloud is short"


@ALL
def test_every_rule_has_words_of_the_house(rule):
    assert rule.stride and set(rule.stride) <= set(STRIDE) and len(set(rule.stride)) == len(rule.stride)
    assert len(set(rule.controls)) == len(rule.controls), "a control both cuts and lowers"
    assert set(rule.controls) <= set(words("controls"))
    assert 1 <= rule.likelihood <= 5 and rule.impact
    assert [part for part in rule.impact if isinstance(part, int)], "an impact needs a figure to start from"


@ALL
def test_every_rule_is_told_in_plain_words(rule):
    for text in (rule.title, rule.explain, rule.ask):
        assert not set(text) & set("—–…“”’"), f"a dash or quote that a keyboard does not have: {text}"
        assert text == " ".join(text.split())
        assert text.isprintable() and text.isascii()
        assert not re.search(r"\b(utilize|leverage|in order to|e\.g\.|i\.e\.|etc\.?|robust|seamless)\b", text)
    assert not rule.title.endswith(".") and rule.title[0].isupper() and len(rule.title) <= 90
    assert rule.explain.endswith((".", "?"))


@ALL
def test_a_rule_that_cites_the_owasp_list_cites_both_years(rule):
    entries = load_references()["owasp_llm"]
    cited = set(rule.references.get("owasp_llm", ()))
    for id in cited:
        pair = entries[id].get("maps_to_2026") or entries[id].get("maps_to_2025")
        assert pair in cited, f"{id} is cited without {pair}"


@ALL
def test_a_rule_with_controls_has_one_guard_among_its_conditions(rule):
    guards = [leaf for leaf in rule.when.leaves if leaf.fact in GUARDS]
    assert len(guards) <= 1
    if rule.cuts:
        assert isinstance(rule.when.node, Join) and Not(guards[0]) in rule.when.node.parts


def test_titles_questions_and_explanations_are_all_different():
    for texts in ([r.title for r in RULES.values()], [r.explain for r in RULES.values()]):
        assert len(set(texts)) == len(texts)
    asked = [rule.ask for rule in RULES.values() if rule.ask]
    assert len(set(asked)) == len(asked)


def test_no_two_rules_have_the_same_condition_and_the_same_controls():
    seen = {}
    for rule in RULES.values():
        assert seen.setdefault((rule.side, str(rule.when), rule.cuts), rule.id) == rule.id


def test_all_of_stride_and_both_owasp_lists_are_covered():
    assert {word for rule in RULES.values() for word in rule.stride} == set(STRIDE)
    cited = {id for rule in RULES.values() for id in rule.references.get("owasp_llm", ())}
    assert set(load_references()["owasp_llm"]) <= cited
    agentic = {id for rule in RULES.values() for id in rule.references.get("owasp_asi", ())}
    assert set(load_references()["owasp_asi"]) <= agentic


def test_the_two_owasp_lists_map_onto_each_other():
    entries = load_references()["owasp_llm"]
    for id, entry in entries.items():
        pair = entry.get("maps_to_2026") or entry.get("maps_to_2025")
        back = entries[pair].get("maps_to_2026") or entries[pair].get("maps_to_2025")
        assert back == id


def test_every_control_of_a_rule_is_described_and_placed():
    for rule in RULES.values():
        for control in rule.controls:
            entry = load_controls()[control]
            assert entry["placed_on"] and len(entry["latency_ms"]) == 3
        for control in rule.cuts:
            assert load_controls()[control]["assurance"] != "probabilistic"


def test_every_reference_has_a_name_and_a_link():
    for name, entries in load_references().items():
        for id, entry in entries.items():
            assert entry.get("name"), f"{name} {id} has no name"
            assert str(entry.get("url", "https://")).startswith("https://"), f"{name} {id}"


def test_a_catalogue_shows_what_is_in_it():
    assert repr(CATALOG) == f"<Catalog {CATALOG.version}: {len(RULES)} rules, {len(CATALOG.controls)} controls>"
    assert re.fullmatch(r"\d{4}\.\d{2}\.\d+", CATALOG.version)
    assert isinstance(analyze(agent(), CATALOG), Analysis)
    assert all(set(rule.id) <= set(string.ascii_lowercase + string.digits + "-") for rule in RULES.values())
