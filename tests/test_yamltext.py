"""YAML text as plain values: the core schema of YAML 1.2, with places, and with hard limits."""

import doctest
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threatkit import yamltext
from threatkit.yamltext import MAX_DEPTH, parse_yaml, read_text, read_yaml

RESOLVED = [
    ("", None),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nULL", "nULL"),
    ("none", "none"),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("false", False),
    ("tRue", "tRue"),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("N", "N"),
    ("0", 0),
    ("-0", 0),
    ("+12", 12),
    ("007", 7),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", "0b11"),
    ("0o8", "0o8"),
    ("-0x1", "-0x1"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("190:20:30", "190:20:30"),
    ("1.5", 1.5),
    ("-1.", -1.0),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("+1.5E-2", 0.015),
    ("1e", "1e"),
    ("e1", "e1"),
    ("1e999", math.inf),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("+.Inf", math.inf),
    ("inf", "inf"),
    ("nan", "nan"),
    ("1.2.3", "1.2.3"),
    (".", "."),
    ("..", ".."),
    ("-", [None]),
    ("2026-11-01", "2026-11-01"),
    ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"),
    ("=", "="),
    ("<<", "<<"),
    ("١٢", "١٢"),
    ('"1"', "1"),
    ("'true'", "true"),
    ('""', ""),
    ("''", ""),
    ("'it''s'", "it's"),
    ('"\\x41\\u00e9\\U0001F642\\n\\e"', "Aé🙂\n\x1b"),
    ("|\n  1\n  2\n", "1\n2\n"),
    (">-\n  a\n  b\n", "a b"),
    ("a # b", "a"),
    ("a#b", "a#b"),
    ("[1, no, {a: ~}]", [1, "no", {"a": None}]),
    ("9" * 400, int("9" * 400)),
    ("9" * 5_000, math.inf),
    ("0x" + "f" * 5_000, "0x" + "f" * 5_000),
]


@pytest.mark.parametrize(("text", "value"), RESOLVED, ids=[text[:20] or "nothing" for text, _ in RESOLVED])
def test_a_scalar_means_what_the_core_schema_says(text, value):
    for found in (parse_yaml(text).value, parse_yaml(f"a:\n  {text}" if text else "a:").value["a"]):
        assert found == value and type(found) is type(value)


def test_not_a_number_is_a_number():
    assert math.isnan(parse_yaml(".nan").value) and math.isnan(parse_yaml(".NaN").value)


def test_keys_are_always_texts():
    assert [*parse_yaml('{1: a, true: b, ~: c, 1.5: d, "": e}').value] == ["1", "true", "~", "1.5", ""]


def test_every_value_and_every_key_has_its_place():
    text = "a: 1\nb:\n  - x\n  - {c: [d, 'e'],\n     f: g}\nh:\n"
    assert parse_yaml(text).places == {
        (): (1, 1),
        ("a", ""): (1, 1),
        ("a",): (1, 4),
        ("b", ""): (2, 1),
        ("b",): (3, 3),
        ("b", 0): (3, 5),
        ("b", 1): (4, 5),
        ("b", 1, "c", ""): (4, 6),
        ("b", 1, "c"): (4, 9),
        ("b", 1, "c", 0): (4, 10),
        ("b", 1, "c", 1): (4, 13),
        ("b", 1, "f", ""): (5, 6),
        ("b", 1, "f"): (5, 9),
        ("h", ""): (6, 1),
        ("h",): (6, 3),
    }


def test_columns_count_characters_and_not_bytes():
    assert parse_yaml("é: {🙂: 'ß', a: b}").places[("é", "a", "")] == (1, 13)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind_count_as_one(ends):
    assert parse_yaml(f"a: 1{ends}{ends}b: 2{ends}").places[("b",)] == (3, 4)


def test_a_mark_at_the_start_does_not_shift_the_first_line():
    assert parse_yaml("\ufeffa: b").places[("a",)] == (1, 4)


FAULTS = [
    ("a: 1\na: 2\nb: 3", (2, 1), '"a" stands here a second time', {"a": 1, "b": 3}),
    ("{a: {b: 1}, a: {c: [2]}, d: 4}", (1, 13), "second time", {"a": {"b": 1}, "d": 4}),
    ("a: !!int '1'", (1, 4), 'the tag "!!int"', {"a": "1"}),
    ("a: !<tag:x,2000:y> b", (1, 4), "the tag", {"a": "b"}),
    ("a: 1\n---\nb: 2", (2, 1), "a second document", None),
    ("? {a: b}\n: c", (1, 3), "a key must be a word", None),
    ("*a", (1, 1), 'the alias "*a" has no anchor', None),
    ("? *a\n: c", (1, 3), "has no anchor", None),
    ("a: &a b\n*a : c", (2, 1), "a key must be a word", None),
    ("&a [*a]", (1, 5), "inside its own anchor", None),
    ("a: &a {b: [*a]}", (1, 12), "inside its own anchor", None),
    ("a: [1, 2", (1, 9), "flow sequence", None),
    ("a: b\n c: d", (2, 3), "mapping values are not allowed", None),
    ("a:\n  - b\n c", (3, 2), "(it began in line 1)", None),
    ("a: \x07", (1, 4), "U+0007", None),
    ("a: \ud800", (1, 4), "U+D800", None),
    ("a\r\nb\x85", (2, 2), "U+0085", None),
]


@pytest.mark.parametrize(("text", "place", "said", "value"), FAULTS, ids=[repr(fault[0])[:30] for fault in FAULTS])
def test_a_fault_has_a_place_and_is_never_raised(text, place, said, value):
    document = parse_yaml(text, "f.yaml")
    (problem,) = document.problems
    assert (problem.file, problem.line, problem.column) == ("f.yaml", *place)
    assert said in problem.message and document.value == value


def test_every_duplicate_is_told():
    assert [problem.line for problem in parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\na: 3").problems] == [2, 3, 4]


def test_an_alias_is_a_copy_and_not_the_same_list():
    value = parse_yaml("a: &x [1]\nb: *x\nc: &x 2\nd: *x").value
    assert value == {"a": [1], "b": [1], "c": 2, "d": 2} and value["a"] is not value["b"]


@pytest.mark.parametrize(
    "make", [lambda n: "[" * n + "]" * n, lambda n: "- " * n + "a", lambda n: "{a: " * n + "}" * n]
)
def test_depth_is_counted_exactly(make):
    assert not parse_yaml(make(MAX_DEPTH)).problems
    (problem,) = parse_yaml(make(MAX_DEPTH + 1)).problems
    assert problem.message == f"nested deeper than {MAX_DEPTH} levels"


def test_a_long_line_of_dashes_or_brackets_in_a_text_is_only_text():
    text = "# " + "-" * 1_000 + "\na: |\n  " + "- " * 1_000 + "\n" + " " * 5_000 + "x\nb: '" + "[" * 1_000 + "'\n"
    assert not parse_yaml(text).problems


def test_the_pure_python_parser_gives_the_same(monkeypatch):
    text = "# c\na: {b: [1, no], c: &x 'd'}\ne: *x\nf:\n  - g: |\n      h\n"
    fast = parse_yaml(text)
    monkeypatch.delattr("yaml.CBaseLoader")
    slow = parse_yaml(text)
    assert (slow.value, slow.places) == (fast.value, fast.places)
    assert [str(problem) for problem in parse_yaml("a: [").problems]


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from(" \n\t-?:,[]{}#&*!|>'\"%@`ab01~.<=\r\x00é\u2028\ufeff"), max_size=40))
def test_no_text_makes_it_raise(text):
    document = parse_yaml(text)
    assert document.problems or document.value is None or () in document.places


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(" \n\n-?:,[]{}#&*!|'\"ab01~.\r"), max_size=40))
def test_the_quick_reading_gives_what_the_careful_one_gives_or_leaves_it_to_that(text):
    ordinary, value = yamltext._quick(text)
    careful = yamltext._careful(text, "<text>")
    if ordinary:
        assert not careful.problems
        assert repr(value) == repr(careful.value)


def test_an_ordinary_model_is_read_quickly():
    text = "# a comment\nname: 'A'\nelements:\n  bot: {kind: agent, in: ~}\nflows:\n  - {id: x, n: -1.5}\n"
    assert yamltext._quick(text) == (True, yamltext._careful(text, "").value)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    assert read_yaml(path).file == str(path)


def test_a_text_is_read_as_it_stands(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    assert read_text(path) == ("\ufeffa\r\nb\n", None)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(yamltext).failed == 0
