"""Edits of YAML text: what is wanted comes out, and every other character stays."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from threatkit import yamledit
from threatkit.errors import ModelError
from threatkit.yamledit import edit_yaml, flow_form, json_form
from threatkit.yamltext import parse_yaml

FORMS = [
    ("agent", "agent"),
    ("a b", "a b"),
    ("it's (so) a/b", "it's (so) a/b"),
    ("", '""'),
    ("no", '"no"'),
    ("NULL", '"NULL"'),
    ("1", '"1"'),
    ("1e3", '"1e3"'),
    ("~", '"~"'),
    ("a ", '"a "'),
    ("a\n", '"a\\n"'),
    ("a: b", '"a: b"'),
    ("a #b", '"a #b"'),
    ("a, b", '"a, b"'),
    ("-", '"-"'),
    ("é", '"é"'),
    ("\x00\x7f\x85\u2028\ufeff", '"\\u0000\\u007f\\u0085\\u2028\\ufeff"'),
    ("🙂", '"🙂"'),
    (None, "null"),
    (True, "true"),
    (3, "3"),
    ([], "[]"),
    ({}, "{}"),
    (("a", ["b"]), "[a, [b]]"),
    ({"a b": {"1": None}}, '{a b: {"1": null}}'),
]


@pytest.mark.parametrize(("value", "form"), FORMS, ids=[form for _, form in FORMS])
def test_a_value_has_a_form_on_one_line(value, form):
    assert flow_form(value) == form


names = texts.filter(lambda text: len(text) < 100)  # a key longer than 1,024 characters is no key in YAML


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        texts | st.none() | st.booleans(), lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v, max_size=3)
    )
)
def test_every_form_is_read_back_as_the_value(value):
    form = flow_form(value)
    assert "\n" not in form and parse_yaml(form).value == value
    assert parse_yaml(json_form(value)).value == value


EDITS = [
    ("a scalar", "a: 1  # c\nb: 2\n", {"a": "x", "b": 2}, "a: x  # c\nb: 2\n"),
    ("a quoted scalar", "a: '1'  # c\n", {"a": "2"}, 'a: "2"  # c\n'),
    ("nothing to something", "a:  # c\nb: 2\n", {"a": "x", "b": 2}, "a: x  # c\nb: 2\n"),
    ("something to nothing", "a: x # c\n", {"a": None}, "a: null # c\n"),
    ("a text over lines", "a: >-\n  x\n  y\n\nb: 2\n", {"a": "z", "b": 2}, "a: z\n\nb: 2\n"),
    ("a plain text over lines", "a: x\n  y\nb: 2\n", {"a": "z", "b": 2}, "a: z\nb: 2\n"),
    ("a key more", "a: 1\n", {"a": 1, "b": 2}, "a: 1\nb: 2\n"),
    ("a key more before the end comment", "a: 1\n# end\n", {"a": 1, "b": 2}, "a: 1\nb: 2\n# end\n"),
    ("a key more without a last newline", "a: 1", {"a": 1, "b": 2}, "a: 1\nb: 2"),
    ("a key more before the end marker", "a: 1\n...\n", {"a": 1, "b": 2}, "a: 1\nb: 2\n...\n"),
    ("a key more after a kept text", "a: |+\n  x\n\n", {"a": "x\n\n", "b": 2}, "a: |+\n  x\n\nb: 2\n"),
    ("a key more after a clipped text", "a: |\n  x\n\n", {"a": "x\n", "b": 2}, "a: |\n  x\nb: 2\n\n"),
    ("a key less", "a: 1 # x\n# y\nb: 2 # z\n", {"b": 2}, "\n# y\nb: 2 # z\n"),
    ("the last key less", "a: 1\n# y\nb: 2 # z\n# e\n", {"a": 1}, "a: 1\n# y\n# e\n"),
    ("a key less over lines", "a: 1\nb:\n  c:\n    - d\ne: 1\n", {"a": 1, "e": 1}, "a: 1\ne: 1\n"),
    ("one key for another", "a: 1\nb: 2\n", {"a": 1, "c": 3}, "a: 1\nc: 3\n"),
    ("a section of nothing", "a: 1\ns:\n# e\n", {"a": 1, "s": {"x": {"z": 1}}}, "a: 1\ns:\n  x: {z: 1}\n# e\n"),
    ("an empty section", "s: {}  # c\n", {"s": {"x": {"z": 1}}}, "s:  # c\n  x: {z: 1}\n"),
    ("an empty list", "s: []\n", {"s": [{"id": "x"}]}, "s:\n  - {id: x}\n"),
    ("a new section", "a: 1\n", {"a": 1, "s": [{"id": "x"}]}, "a: 1\ns:\n  - {id: x}\n"),
    ("an entry more", "s:\n  x:  {a: 1} # c\n", {"s": {"x": {"a": 1}, "z": {}}}, "s:\n  x:  {a: 1} # c\n  z: {}\n"),
    ("an entry of nothing", "s:\n  x:\n", {"s": {"x": {"a": 1}}}, "s:\n  x: {a: 1}\n"),
    ("an entry renamed", "s:\n  x: {a: 1} # c\n  z: {}\n", {"s": {"w": {"a": 1}, "z": {}}},
     "s:\n  w: {a: 1} # c\n  z: {}\n"),
    ("an emptied section", "s:\n  # c\n  x: {a: 1}\n  # d\nt: 1\n", {"s": None, "t": 1}, "s:\n  # c\n  # d\nt: 1\n"),
    ("in brackets: a key more", "{a: 1, b: 2}", {"a": 1, "b": 2, "c": 3}, "{a: 1, b: 2, c: 3}"),
    ("in brackets: the first less", "{a: 1, b: 2}", {"b": 2}, "{b: 2}"),
    ("in brackets: the last less", "{a: 1, b: 2}", {"a": 1}, "{a: 1}"),
    ("in brackets: two less", "{a: 1, b: 2, c: 3}", {"a": 1}, "{a: 1}"),
    ("in brackets: all less", "s: { a: 1, }", {"s": {}}, "s: {}"),
    ("in brackets: one for another", "{a: 1}", {"b": 2}, "{b: 2}"),
    ("in brackets: from nothing", "{}", {"b": 2}, "{b: 2}"),
    ("in brackets: last comma", "{a: 1, }", {"a": 1, "b": 2}, "{a: 1, b: 2, }"),
    ("JSON", '{"a":1,"b":[]}', {"a": "x", "b": ["z"]}, '{"a": x,"b": [z]}'),
    ("over lines: one more", "s: [\n  a, # x\n  b  # y\n]\n", {"s": ["a", "b", "c"]},
     "s: [\n  a, # x\n  b,  # y\n  c\n]\n"),
    ("over lines: one more after a comma", "s: [\n  a, # x\n]\n", {"s": ["a", "c"]}, "s: [\n  a, # x\n  c,\n]\n"),
    ("over lines: first less", "s: [\n  a, # x\n  # y\n  b\n]\n", {"s": ["b"]}, "s: [\n  # y\n  b\n]\n"),
    ("over lines: last less", "s: [\n  a, # x\n  b\n]\n", {"s": ["a"]}, "s: [\n  a, # x\n  \n]\n"),
    ("a word less", "s:\n  - a # x\n  # y\n  - b # z\n", {"s": ["b"]}, "s:\n  # y\n  - b # z\n"),
    ("a word more", "s:\n- a\n- b\nt: 1\n", {"s": ["a", "b", "c"], "t": 1}, "s:\n- a\n- b\n- c\nt: 1\n"),
    ("a word more at the front", "s:\n  - a # x\n", {"s": ["z", "a"]}, "s:\n  - z\n  - a # x\n"),
    ("a word in the middle", "s: [a, b]\n", {"s": ["a", "z", "b"]}, "s: [a, z, b]\n"),
    ("words in another order", "s: [a, b, c]\n", {"s": ["b", "c", "a"]}, "s: [b, c, a]\n"),
    ("the same word twice", "s:\n  - a # 1\n  - a # 2\n", {"s": ["a"]}, "s:\n  - a # 1\n"),
    ("all words less", "s: # c\n  - a\n  - b\nt: 1\n", {"s": [], "t": 1}, "s: [] # c\nt: 1\n"),
    ("words for a word", "s: a # c\n", {"s": ["a", "b"]}, "s: [a, b] # c\n"),
    ("an id renamed", "s:\n  - {id: a, x: 1} # c\n  - {id: b}\n", {"s": [{"id": "z", "x": 1}, {"id": "b"}]},
     "s:\n  - {id: z, x: 1} # c\n  - {id: b}\n"),
    ("beside the dash: first key less", "s:\n  - x: 1\n    id: a\n", {"s": [{"id": "a"}]}, "s:\n  - id: a\n"),
    ("beside the dash: a comment follows", "s:\n  - x: 1\n    # c\n    id: a\n", {"s": [{"id": "a"}]},
     "s:\n  - \n    # c\n    id: a\n"),
    ("below the dash: entry less", "s:\n  -\n    id: a\n  - id: b\n", {"s": [{"id": "b"}]}, "s:\n  - id: b\n"),
    ("a question mark", "? a\n: 1\n? b\n: 2\n", {"b": 3}, "\n? b\n: 3\n"),
    ("an alias", "a: &x 1\nb: *x\nc: 3\n", {"a": 1, "b": 2, "c": 3}, "a: &x 1\nb: 2\nc: 3\n"),
    ("a mark", "\ufeffa: 1\n", {"a": 2}, "\ufeffa: 2\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "wanted", "result"), EDITS, ids=[edit[0] for edit in EDITS])
def test_an_edit_splices_only_what_differs(name, text, wanted, result):
    assert edit_yaml(text, wanted) == result
    windows = text.replace("\n", "\r\n")
    if "\n" in text:
        assert edit_yaml(windows, wanted) == result.replace("\n", "\r\n")


@pytest.mark.parametrize("text", [edit[1] for edit in EDITS])
def test_an_edit_of_nothing_changes_nothing(text):
    assert edit_yaml(text, parse_yaml(text).value) == text


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "hello\n", "a: 1\na: 2\n"])
def test_what_is_no_mapping_is_left_alone(text):
    with pytest.raises(ModelError, match="not a model file"):
        edit_yaml(text, {"a": 1})


def test_an_edit_that_would_reach_further_is_refused():
    with pytest.raises(ModelError, match="cannot be written in place"):
        edit_yaml("a: &x [1]\nb: *x\n", {"a": [2], "b": [1]})


values = st.recursive(
    st.sampled_from(["a", "b c", "1", "", "x: y", None, True]),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), v, max_size=4),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abcdefgh"), values, max_size=6)


def block_form(value, indent: str = "") -> str:
    """A value in block style, with a comment on every line that can have one."""
    if isinstance(value, dict) and value:
        lines = []
        for key, entry in value.items():
            inner = isinstance(entry, dict | list) and entry
            lines.append(f"{indent}# of {key}\n{indent}{key}:" + ("" if inner else f" {flow_form(entry)}") + "  # c\n")
            lines.append(block_form(entry, indent + "  ") if inner else "")
        return "".join(lines)
    return "".join(f"{indent}- {flow_form(entry)}  # d\n" for entry in value)


@settings(max_examples=60, deadline=None)
@given(mappings.filter(bool), mappings, st.booleans())
def test_any_change_of_plain_values_gives_the_wanted_ones(old, new, block):
    text = block_form(old) if block else flow_form(old) + "\n"
    try:
        result = edit_yaml(text, new)
    except ModelError as error:
        assert "cannot be written in place" in str(error)
        return
    found = parse_yaml(result)
    assert not found.problems and yamledit._same(found.value, new)
    assert edit_yaml(result, new) == result


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(yamledit).failed == 0
