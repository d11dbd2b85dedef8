"""The rule expression: what can be said, what cannot, and that nothing of it is ever run as code."""

from __future__ import annotations

import builtins
import os
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threatkit import System
from threatkit.catalog import load_catalog
from threatkit.columns import Column
from threatkit.errors import CatalogError
from threatkit.facts import FACTS, Facts
from threatkit.rules import MAX_LENGTH, Join, Leaf, Not, Some, parse

CUTS, LOWERS = ("human_approval",), ("rate_limit",)

GOOD = [
    ("element", "model_driven", "model_driven"),
    ("element", "  tainted\n  and\tstore ", "tainted and store"),
    ("element", "((tainted))", "tainted"),
    ("element", "not tainted", "not tainted"),
    ("element", "not not tainted", "not (not tainted)"),
    ("element", "kind(agent)", "kind(agent)"),
    ("element", "kind( agent , llm )", "kind(agent, llm)"),
    ("element", "kind(agent, llm,)", "kind(agent, llm)"),
    ("element", "acts and tainted", "acts and tainted"),
    ("element", "acts and tainted or store", "(acts and tainted) or store"),
    ("element", "acts and (tainted or store)", "acts and (tainted or store)"),
    ("element", "acts and tainted and store and not guarded", "acts and tainted and store and not guarded"),
    ("element", "not (acts or store)", "not (acts or store)"),
    ("element", "not acts or store", "not acts or store"),
    ("element", "trust(untrusted, vendor)", "trust(untrusted, vendor)"),
    ("element", "holds(pii) and has(shell)", "holds(pii) and has(shell)"),
    ("element", "control(human_approval, rate_limit)", "control(human_approval, rate_limit)"),
    ("element", "incoming(model_text)", "incoming(model_text)"),
    ("element", "outgoing(target.kind(log_store))", "outgoing(target.kind(log_store))"),
    ("element", "not incoming(kind(call) and source.has(delete))", "not incoming(kind(call) and source.has(delete))"),
    ("element", "incoming(not (encrypted or tainted))", "incoming(not (encrypted or tainted))"),
    ("element", "guarded_on_the_way", "guarded_on_the_way"),
    ("flow", "kind(call)", "kind(call)"),
    ("flow", "source.kind(agent) and target.kind(tool)", "source.kind(agent) and target.kind(tool)"),
    ("flow", "source.tainted or tainted", "source.tainted or tainted"),
    ("flow", "not source.guarded", "not source.guarded"),
    ("flow", "target.control(rate_limit)", "target.control(rate_limit)"),
    ("flow", "content(trusted) and not encrypted", "content(trusted) and not encrypted"),
]

DEEP = "(" * 250 + "tainted" + ")" * 250
BAD = [
    # (side, expression, what the message must say)
    ("element", "", "an expression is missing"),
    ("element", "   \n\t ", "an expression is missing"),
    ("element", None, "an expression is missing"),
    ("element", True, "an expression is missing"),
    ("element", ["tainted"], "an expression is missing"),
    ("element", "taintd", 'unknown fact "taintd" on element; did you mean "tainted"?'),
    ("element", "model_drivn and store", 'did you mean "model_driven"?'),
    ("element", "encrypted", 'unknown fact "encrypted" on element'),
    ("element", "crosses_boundary", 'unknown fact "crosses_boundary" on element'),
    ("flow", "store", 'unknown fact "store" on flow'),
    ("flow", "way_out", 'unknown fact "way_out" on flow'),
    ("flow", "source.encrypted", 'unknown fact "encrypted" on element'),
    ("element", "kind(agnet)", 'unknown word "agnet" of the kinds; did you mean "agent"?'),
    ("element", "has(fly)", 'unknown word "fly" of the properties'),
    ("flow", "kind(agent)", 'unknown word "agent" of the flow_kinds'),
    ("flow", "carries(secrets_store)", 'unknown word "secrets_store" of the data_classes'),
    ("element", "control(humman_approval)", 'did you mean "human_approval"?'),
    ("element", "kind", '"kind" needs arguments from the kinds'),
    ("element", "kind()", '"kind" needs arguments from the kinds'),
    ("element", "control", '"control" needs arguments from the controls'),
    ("flow", "carries", '"carries" needs arguments from the data_classes'),
    ("element", "tainted()", '"tainted" takes no arguments'),
    ("element", "store(agent)", '"store" takes no arguments'),
    ("element", "guarded(human_approval)", '"guarded" takes no arguments'),
    ("element", "guarded()", '"guarded" takes no arguments'),
    ("element", "incoming", "incoming(…) takes one condition on flows"),
    ("element", "incoming()", "incoming(…) takes one condition on flows"),
    ("element", "outgoing(encrypted, tainted)", "outgoing(…) takes one condition on flows"),
    ("flow", "incoming(encrypted)", "in a rule on elements"),
    ("element", "incoming(incoming(encrypted))", "in a rule on elements"),
    ("element", "incoming(store)", 'unknown fact "store" on flow'),
    ("element", "source.tainted", "only source. and target. exist"),
    ("flow", "middle.tainted", "only source. and target. exist"),
    ("flow", "source.source.tainted", "neither a fact"),
    ("flow", "source.tainted.real", "neither a fact"),
    ("flow", "source.__class__", 'unknown fact "__class__"'),
    ("flow", "source.kind(agent).kind(tool)", "neither a fact"),
    ("element", "tainted.__class__", "only source. and target. exist"),
    ("element", "kind(agent)(llm)", "neither a fact"),
    ("element", "lambda: tainted", "neither a fact"),
    ("element", "(lambda: tainted)()", "neither a fact"),
    ("element", "tainted == store", "neither a fact"),
    ("element", "tainted < store < acts", "neither a fact"),
    ("element", "tainted is store", "neither a fact"),
    ("element", "1", "neither a fact"),
    ("element", "-tainted", "neither a fact"),
    ("element", "~tainted", "neither a fact"),
    ("element", "tainted & store", "neither a fact"),
    ("element", "tainted + store", "neither a fact"),
    ("element", "9**9**9**9**9", "neither a fact"),
    ("element", "'tainted'", "neither a fact"),
    ("element", "b'tainted'", "neither a fact"),
    ("element", "f'{tainted}'", "neither a fact"),
    ("element", "kind('agent')", "is not a word of the vocabulary"),
    ("element", "kind(f'{agent}')", "is not a word of the vocabulary"),
    ("element", "kind(1)", "is not a word of the vocabulary"),
    ("element", "kind(not agent)", "is not a word of the vocabulary"),
    ("element", "kind(agent or llm)", "is not a word of the vocabulary"),
    ("element", "kind(*agent)", "is not a word of the vocabulary"),
    ("element", "kind(kind(agent))", "is not a word of the vocabulary"),
    ("element", "kind(agent.llm)", "is not a word of the vocabulary"),
    ("element", "kind(x:=agent)", "is not a word of the vocabulary"),
    ("element", "kind(agent, word=llm)", "neither a fact"),
    ("element", "kind(**agent)", "neither a fact"),
    ("element", "incoming(flows=encrypted)", "neither a fact"),
    ("element", "incoming(*encrypted)", "neither a fact"),
    ("element", "(x := tainted)", "neither a fact"),
    ("element", "[tainted]", "neither a fact"),
    ("element", "(tainted, store)", "neither a fact"),
    ("element", "{tainted: store}", "neither a fact"),
    ("element", "[tainted for tainted in store]", "neither a fact"),
    ("element", "(tainted for tainted in store)", "neither a fact"),
    ("element", "tainted if store else acts", "neither a fact"),
    ("element", "tainted[0]", "neither a fact"),
    ("element", "await tainted", "neither a fact"),
    ("element", "(yield tainted)", "neither a fact"),
    ("element", "...", "neither a fact"),
    ("element", "True", "neither a fact"),
    ("element", "None", "neither a fact"),
    ("element", "__import__('os').system('true')", "neither a fact|only source"),
    ("element", "__import__(os)", 'unknown fact "__import__"'),
    ("element", "open(tainted)", 'unknown fact "open"'),
    ("element", "exec", 'unknown fact "exec"'),
    ("element", "eval(tainted)", 'unknown fact "eval"'),
    ("element", "tainted and", "this is no expression"),
    ("element", "and tainted", "this is no expression"),
    ("element", "tainted store", "this is no expression"),
    ("element", "(tainted", "this is no expression"),
    ("element", "tainted)", "this is no expression"),
    ("element", "tainted; store", "this is no expression"),
    ("element", "import os", "this is no expression"),
    ("element", "x = tainted", "this is no expression"),
    ("element", "tainted && store", "this is no expression"),
    ("element", "tainted || store", "this is no expression"),
    ("element", "!tainted", "this is no expression"),
    ("element", "tainted AND store", "this is no expression"),
    ("element", "tainted\x00", "this is no expression"),
    ("element", "\x00", "this is no expression"),
    ("element", "'\\ud800", "this is no expression"),
    ("element", "tainted\u200b and store", "this is no expression"),
    ("element", "tainted\u202e", "this is no expression"),
    ("element", "t\u0430inted", "unknown fact"),  # a Cyrillic letter that looks like an a
    ("element", "kind(\u0430gent)", "unknown word"),
    ("element", DEEP, "this is no expression"),
    ("element", "not " * 400 + "tainted", "parts"),
    ("element", "not " * 499 + "acts", "parts"),
    ("element", " and ".join(["tainted"] * 150), "parts"),
    ("element", "tainted" + " " * MAX_LENGTH, "longer than"),
    ("element", "tainted or " * 100_000 + "store", "longer than"),
]


@pytest.mark.parametrize(("side", "text", "form"), GOOD)
def test_a_good_expression_has_one_text_form_that_means_the_same(side, text, form):
    expression = parse(text, side, CUTS, LOWERS)
    assert str(expression) == form
    again = parse(form, side, CUTS, LOWERS)
    assert again.node == expression.node, "the text form means something else"
    assert str(again) == form


@pytest.mark.parametrize(("side", "text", "says"), BAD, ids=[f"{n}-{str(row[1])[:30]!a}" for n, row in enumerate(BAD)])
def test_a_bad_expression_is_refused_with_a_helpful_text(side, text, says, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("an expression was run")

    monkeypatch.setattr(os, "system", never)
    monkeypatch.setattr(builtins, "eval", never)
    monkeypatch.setattr(builtins, "exec", never)
    with pytest.raises(CatalogError) as caught:
        parse(text, side, CUTS, LOWERS)
    monkeypatch.undo()
    message = str(caught.value)
    assert any(part in message for part in says.split("|")), message
    assert len(message) < 300 and "\n" not in message, "a message is one short line"
    assert message.isprintable()


@pytest.mark.parametrize("guard", ["guarded", "guarded_on_the_way"])
def test_a_guard_needs_a_rule_that_names_controls(guard):
    with pytest.raises(CatalogError, match="needs a rule with controls"):
        parse(f"tainted and not {guard}", "element")
    assert str(parse(f"tainted and not {guard}", "element", (), LOWERS)) == f"tainted and not {guard}"


def test_a_letter_that_only_looks_different_is_the_same_fact_and_no_other():
    assert parse("\uff54ainted", "element").node == Leaf("tainted"), "a full-width t reads as t, as in Python"


@pytest.mark.parametrize("rule", load_catalog().rules)
def test_the_text_of_every_rule_reads_back_as_the_same_expression(rule):
    rule = load_catalog().rules[rule]
    again = parse(str(rule.when), rule.side, rule.cuts, rule.lowers)
    assert again.node == rule.when.node


def test_leaves_come_in_reading_order_without_those_about_neighbouring_flows():
    expression = parse("acts and not (store or incoming(encrypted)) and kind(agent)", "element")
    assert [str(leaf) for leaf in expression.leaves] == ["acts", "store", "kind(agent)"]


@pytest.mark.parametrize(("side", "name"), FACTS)
def test_every_fact_says_in_one_sentence_what_it_means_and_has_a_question_where_it_can_be_unknown(side, name):
    fact = FACTS[side, name]
    assert fact.doc.endswith(".") and fact.doc[0].isupper() and len(fact.doc) < 130
    assert not fact.ask or fact.ask.endswith("?")
    assert "{words}" not in fact.ask or fact.section


# -- evaluation ---------------------------------------------------------------------------------------

SIZE = 6
cells = st.lists(st.sampled_from([True, False, None]), min_size=SIZE, max_size=SIZE)


def column(values) -> Column:
    return Column(np.array([v is True for v in values]), np.array([v is False for v in values]))


def values(column) -> list:
    assert not (column.yes & column.no).any(), "both yes and no"
    return [column.value(number) for number in range(len(column.yes))]


def kleene_and(a, b):
    return False if a is False or b is False else None if a is None or b is None else True


def kleene_or(a, b):
    return True if a is True or b is True else None if a is None or b is None else False


@given(cells, cells, cells)
def test_columns_follow_kleenes_logic_cell_by_cell(a, b, c):
    x, y, z = column(a), column(b), column(c)
    assert values(x & y) == [kleene_and(*pair) for pair in zip(a, b, strict=True)]
    assert values(x | y) == [kleene_or(*pair) for pair in zip(a, b, strict=True)]
    assert values(~x) == [None if v is None else not v for v in a]
    assert values(x & y) == values(y & x) and values(x | y) == values(y | x)
    assert values((x & y) & z) == values(x & (y & z)) and values((x | y) | z) == values(x | (y | z))
    assert values(~(x & y)) == values(~x | ~y) and values(~(x | y)) == values(~x & ~y)
    assert values(x & (y | z)) == values((x & y) | (x & z))
    assert values(x | (x & y)) == a and values(x & (x | y)) == a and values(~~x) == a
    assert x.unknown.tolist() == [v is None for v in a]


def trees(leaf):
    return st.recursive(
        leaf,
        lambda part: st.one_of(
            part.map(Not),
            st.tuples(st.sampled_from(["and", "or"]), st.lists(part, min_size=2, max_size=3)).map(
                lambda made: Join(made[0], tuple(made[1]))
            ),
        ),
        max_leaves=8,
    )


NAMES = ("acts", "store", "tainted", "process")
nodes = trees(st.sampled_from([Leaf(name) for name in NAMES]))


def evaluated(node, table) -> list:
    """What the expression says when its facts have these columns."""
    facts = Facts(System("None"))
    facts.cache = {(name, "element", (), ()): column(cells) for name, cells in table.items()}
    return values(parse(str(node), "element").evaluate(facts))


@given(nodes, st.fixed_dictionaries(dict.fromkeys(NAMES, cells)))
@settings(max_examples=100)
def test_an_expression_is_evaluated_as_it_reads(node, table):
    def naive(node, number):
        if isinstance(node, Leaf):
            return table[node.fact][number]
        if isinstance(node, Not):
            part = naive(node.part, number)
            return None if part is None else not part
        return reduce(kleene_and if node.word == "and" else kleene_or, (naive(part, number) for part in node.parts))

    assert evaluated(node, table) == [naive(node, number) for number in range(SIZE)]


@given(nodes, st.fixed_dictionaries(dict.fromkeys(NAMES, cells)), st.data())
@settings(max_examples=100)
def test_learning_an_unknown_fact_never_turns_an_answer_that_was_known(node, table, data):
    name = data.draw(st.sampled_from(NAMES))
    number = data.draw(st.integers(0, SIZE - 1))
    before = evaluated(node, table)
    if table[name][number] is None:
        learnt = {**table, name: [*table[name]]}
        learnt[name][number] = data.draw(st.booleans())
        after = evaluated(node, learnt)
        assert [b for a, b in zip(before, after, strict=True) if a is not None] == [a for a in before if a is not None]


def two_flows() -> System:
    system = System("Two flows")
    system.element("bot", "agent", properties=["delete"])
    system.element("db", "datastore")
    system.element("idle", "datastore")
    system.flow("one", "bot", "db", kind="call", encrypted=True)
    system.flow("two", "bot", "db", encrypted=None)
    return system


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("incoming(encrypted)", [False, True, False]),
        ("incoming(not encrypted)", [False, None, False]),
        ("outgoing(kind(data) and encrypted)", [None, False, False]),
        ("incoming(source.has(delete) and kind(call))", [False, True, False]),
        ("incoming(target.kind(datastore))", [False, True, False]),
        ("not incoming(encrypted)", [True, False, True]),
    ],
)
def test_incoming_and_outgoing_ask_whether_some_flow_fulfils_a_condition(text, expected):
    assert values(parse(text, "element").evaluate(Facts(two_flows()))) == expected


def test_an_empty_system_can_be_asked_everything():
    facts = Facts(System("Empty"))
    for rule in load_catalog().rules.values():
        assert values(rule.when.evaluate(facts)) == []


def test_the_same_part_of_two_rules_is_computed_once():
    facts = Facts(two_flows())
    first, second = parse("acts and tainted", "element"), parse("acts or store", "element")
    first.evaluate(facts)
    known = facts.cache["acts", "element", (), ()]
    second.evaluate(facts)
    assert facts.cache["acts", "element", (), ()] is known


def test_parts_of_an_expression_are_plain_values():
    node = parse("not incoming(encrypted)", "element").node
    assert node == Not(Some("incoming", Leaf("encrypted")))
    assert hash(node) == hash(Not(Some("incoming", Leaf("encrypted"))))
