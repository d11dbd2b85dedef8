"""The rule expression: parsed with `ast`, checked against the facts, interpreted on columns. Never run as code.

    model_driven and tainted_by_content and not guarded_on_the_way
    kind(call) and source.model_driven and target.has(delete, shell)
    store and incoming(model_written and source.has(delete))

`and`, `or`, `not`, parentheses, facts, constant arguments from the vocabulary. On flows, `source.` and `target.` ask
about the two ends; on elements, `incoming(…)` and `outgoing(…)` ask whether some flow fulfils a condition.
`guarded`, `guarded_on_the_way`, `control(…)` and `lacks(…)` are about controls; the first two take those of the rule.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce

from threatkit import facts as fact_functions
from threatkit.columns import Column, Side
from threatkit.errors import CatalogError, nearest, shown
from threatkit.facts import FACTS, Fact, Facts
from threatkit.vocabulary import words

MAX_LENGTH, MAX_NODES = 2000, 100
GUARDS = ("guarded", "guarded_on_the_way")
CONTROL_FACTS = ("control", "lacks")


@dataclass(frozen=True)
class Leaf:
    """A fact with its arguments; `end` is `source` or `target` when a flow asks about an element."""

    fact: str
    args: tuple[str, ...] = ()
    end: str = ""

    def __str__(self) -> str:
        call = f"{self.fact}({', '.join(self.args)})" if self.args else self.fact
        return f"{self.end}.{call}" if self.end else call


@dataclass(frozen=True)
class Not:
    """The opposite of a part; unknown stays unknown."""

    part: Node

    def __str__(self) -> str:
        return f"not {self.part}" if isinstance(self.part, Leaf | Some) else f"not ({self.part})"


@dataclass(frozen=True)
class Join:
    """`and` or `or` over two or more parts."""

    word: str
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return f" {self.word} ".join(f"({part})" if isinstance(part, Join) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Some:
    """`incoming(…)` or `outgoing(…)`: some flow at the element fulfils the part."""

    which: str
    part: Node

    def __str__(self) -> str:
        return f"{self.which}({self.part})"


Node = Leaf | Not | Join | Some


@dataclass(frozen=True)
class Expression:
    """A checked expression on elements or flows, with the controls that its guards ask for.

    `related` are controls against the same entries of the public lists: to state that one is missing is to have looked.
    """

    node: Node
    side: Side
    cuts: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    related: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.node)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every fact of the expression, in reading order; those inside `incoming` and `outgoing` are left out."""
        return tuple(_leaves(self.node))

    def evaluate(self, facts: Facts) -> Column:
        """The column of the whole expression. A few array operations; columns of facts are shared between rules."""
        return self.column(self.node, facts, self.side)

    def column(self, node: Node, facts: Facts, side: Side) -> Column:
        """The column of one part of the expression; each part is computed once for a table of facts."""
        if isinstance(node, Leaf) and not node.end:
            return self._leaf(node, facts, side)
        found = facts.parts.get((id(node), side))
        if found is None or found[0] is not node:
            found = facts.parts[id(node), side] = (node, self._compute(node, facts, side))
        return found[1]

    def _compute(self, node: Node, facts: Facts, side: Side) -> Column:
        if isinstance(node, Join):
            columns = [self.column(part, facts, side) for part in node.parts]
            return reduce(operator.and_ if node.word == "and" else operator.or_, columns)
        if isinstance(node, Not):
            return ~self.column(node.part, facts, side)
        if isinstance(node, Some):
            collect = fact_functions.incoming if node.which == "incoming" else fact_functions.outgoing
            return collect(facts, self.column(node.part, facts, "flow"))
        return self._leaf(node, facts, "element").at(getattr(facts.index, node.end))

    def _leaf(self, leaf: Leaf, facts: Facts, side: Side) -> Column:
        key = (leaf.fact, side, leaf.args, (self.cuts, self.lowers, self.related) if leaf.fact in GUARDS else ())
        if key not in facts.cache:
            if leaf.fact in GUARDS:
                facts.cache[key] = getattr(fact_functions, leaf.fact)(facts, side, self.cuts, self.lowers, self.related)
            elif leaf.fact in CONTROL_FACTS:
                facts.cache[key] = getattr(fact_functions, leaf.fact)(facts, side, *leaf.args)
            else:
                facts.cache[key] = FACTS[side, leaf.fact].compute(facts, *leaf.args)
        return facts.cache[key]


def fact_of(leaf: Leaf, side: Side) -> Fact | None:
    """The fact behind a leaf; None for the guards and `control`, which no table of facts lists."""
    return FACTS.get(("element" if leaf.end else side, leaf.fact))


def parse(text: str, side: Side, cuts: tuple[str, ...] = (), lowers: tuple[str, ...] = ()) -> Expression:
    """Parse and check an expression. Raises CatalogError that says what is wrong and what was meant.

    >>> str(parse("model_driven and not (tainted or has(shell))", "element"))
    'model_driven and not (tainted or has(shell))'
    >>> parse("model_drivn", "element")
    Traceback (most recent call last):
    ...
    threatkit.errors.CatalogError: unknown fact "model_drivn" on element; did you mean "model_driven"?
    """
    if not isinstance(text, str) or not text.strip():
        raise CatalogError("an expression is missing")
    if len(text) > MAX_LENGTH:
        raise CatalogError(f"the expression is longer than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise CatalogError(f"this is no expression{column}: {shown(text)}") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES * 3:
        raise CatalogError(f"the expression has more than {MAX_NODES} parts")
    return Expression(_node(tree.body, side, cuts + lowers), side, cuts, lowers)


def _node(tree: ast.expr, side: Side, controls: tuple[str, ...]) -> Node:
    if isinstance(tree, ast.BoolOp):
        word = "and" if isinstance(tree.op, ast.And) else "or"
        return Join(word, tuple(_node(part, side, controls) for part in tree.values))
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return Not(_node(tree.operand, side, controls))
    function, args = (tree.func, tree.args) if isinstance(tree, ast.Call) and not tree.keywords else (tree, None)
    if isinstance(function, ast.Name) and function.id in ("incoming", "outgoing"):
        if side != "element" or args is None or len(args) != 1:
            raise CatalogError(f"{function.id}(…) takes one condition on flows, in a rule on elements")
        return Some(function.id, _node(args[0], "flow", controls))
    if isinstance(function, ast.Name):
        return _leaf(function.id, args, "", side, controls)
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        end = function.value.id
        if side != "flow" or end not in ("source", "target"):
            named = shown(ast.unparse(function))
            raise CatalogError(f"{named}: only source. and target. exist, in conditions on flows")
        return _leaf(function.attr, args, end, "element", controls)
    raise CatalogError(f"{shown(ast.unparse(tree))} is neither a fact nor and, or, not")


def _leaf(name: str, args: list[ast.expr] | None, end: str, side: Side, controls: tuple[str, ...]) -> Leaf:
    if name in GUARDS:
        if args is not None or not controls:
            why = "takes no arguments" if args is not None else "needs a rule with controls"
            raise CatalogError(f'"{name}" {why}')
        return Leaf(name, (), end)
    fact = FACTS.get((side, name))
    if fact is None and name not in CONTROL_FACTS:
        known = [*(word for at, word in FACTS if at == side), *GUARDS, *CONTROL_FACTS]
        raise CatalogError(f"unknown fact {shown(name)} on {side}{nearest(name, known)}")
    section = "controls" if fact is None else fact.section
    if (section is None) != (args is None) or args == []:
        needs = f"needs arguments from the {section}" if section else "takes no arguments"
        raise CatalogError(f'"{name}" {needs}')
    return Leaf(name, tuple(_argument(arg, name, section) for arg in args or ()), end)


def _argument(tree: ast.expr, fact: str, section: str) -> str:
    if not isinstance(tree, ast.Name):
        raise CatalogError(f"{fact}(…): {shown(ast.unparse(tree))} is not a word of the vocabulary")
    if tree.id not in words(section):
        hint = nearest(tree.id, words(section))
        raise CatalogError(f"{fact}(…): unknown word {shown(tree.id)} of the {section}{hint}")
    return tree.id


def _leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, Join):
        for part in node.parts:
            yield from _leaves(part)
    elif isinstance(node, Not):
        yield from _leaves(node.part)
