"""Three-valued columns over all elements or all flows, and the table of what a model says.

A column is two boolean arrays: known to be so, and known not to be so. Where both are false the answer is unknown.
The operators follow Kleene's strong logic: unknown stays unknown unless the other side decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from threatkit.graph import Index, transport
from threatkit.vocabulary import code, vocabulary, words

if TYPE_CHECKING:
    from threatkit.model import System

Side = Literal["element", "flow"]


@dataclass(frozen=True, eq=False)
class Column:
    """`yes[i]`: known to hold at place i; `no[i]`: known not to hold. Never both.

    >>> a = Column(np.array([True, False, False]), np.array([False, True, False]))
    >>> (a | ~a).unknown.tolist(), (a & ~a).no.tolist()
    ([False, False, True], [True, True, False])
    """

    yes: np.ndarray
    no: np.ndarray

    @classmethod
    def known(cls, mask: np.ndarray) -> Column:
        """A column without unknowns."""
        return cls(mask, ~mask)

    @property
    def unknown(self) -> np.ndarray:
        """Where nothing is known."""
        return ~(self.yes | self.no)

    def __and__(self, other: Column) -> Column:
        return Column(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: Column) -> Column:
        return Column(self.yes | other.yes, self.no & other.no)

    def __invert__(self) -> Column:
        return Column(self.no, self.yes)

    def at(self, numbers: np.ndarray) -> Column:
        """The column seen from other places: `column.at(index.source)` is about each flow's source."""
        return Column(self.yes[numbers], self.no[numbers])

    def value(self, number: int) -> bool | None:
        """True, False or None at one place."""
        return True if self.yes[number] else False if self.no[number] else None


class Table:
    """What a system says, as columns. Built in one pass; columns are made when asked for. O(elements + flows)."""

    def __init__(self, system: System):
        self.system = system
        self.index = Index(system)
        self.size = {"element": len(self.index.elements), "flow": len(self.index.flows)}
        self.cache: dict[tuple, Column] = {}
        self.parts: dict[tuple, tuple] = {}  # parts of rule expressions, by identity
        self.here: dict[Side, dict[str, list[int]]] = {"element": {}, "flow": {}}
        self.not_here: dict[Side, dict[str, list[int]]] = {"element": {}, "flow": {}}
        self._complete = {(side, part): [] for side in self.here for part in ("controls", "properties")}
        self._classes: dict[Side, dict[str, list[int]]] = {"element": {}, "flow": {}}
        self._unsaid: dict[Side, list[int]] = {"element": [], "flow": []}
        self._resolved: dict[tuple[str, ...], frozenset[str]] = {}
        for number, element in enumerate(self.index.elements):
            self._read("element", number, element, element.holds)
            for word in element.properties:
                self.here["element"].setdefault(word, []).append(number)
        for number, flow in enumerate(self.index.flows):
            self._read("flow", number, flow, flow.carries)

    def _read(self, side: Side, number: int, part: object, data: tuple[str, ...] | None) -> None:
        here, not_here = self.here[side], self.not_here[side]
        for word in part.controls:
            here.setdefault(word, []).append(number)
        for word in part.without:
            not_here.setdefault(word, []).append(number)
        for complete in part.complete:
            self._complete[side, complete].append(number)
        if data is None:
            self._unsaid[side].append(number)
            return
        classes = self._resolved.get(data)
        if classes is None:
            classes = self._resolved[data] = self.system.classes(data)
        for word in classes:
            self._classes[side].setdefault(word, []).append(number)

    def mask(self, side: Side, numbers: Iterable[int] = ()) -> np.ndarray:
        """A boolean array over all places of a side, true at the numbers."""
        result = np.zeros(self.size[side], dtype=bool)
        chosen = list(numbers)
        if chosen:
            result[chosen] = True
        return result

    def said(self, side: Side, section: Literal["controls", "properties"], word: str) -> Column:
        """Whether a control or property is there, is not there, or is not said."""
        yes = self.mask(side, self.here[side].get(word, ()))
        no = self.mask(side, self.not_here[side].get(word, ())) | self.complete(side, section)
        return Column(yes, no & ~yes)

    def complete(self, side: Side, section: str) -> np.ndarray:
        """Where a list was fully reviewed, so that what it does not name is absent."""
        return self.mask(side, self._complete[side, section])

    def data(self, side: Side, wanted: Iterable[str]) -> Column:
        """Whether any of the data classes is held (element) or carried (flow); unknown where nothing is said."""
        yes = self.mask(side)
        for word in wanted:
            yes[self._classes[side].get(word, [])] = True
        return Column(yes, ~yes & ~self.mask(side, self._unsaid[side]))

    @cached_property
    def kind(self) -> np.ndarray:
        """The number of each element's kind in the vocabulary."""
        return np.array([code("kinds", element.kind) for element in self.index.elements], dtype=np.int64)

    @cached_property
    def flow_kind(self) -> np.ndarray:
        """The number of each flow's kind in the vocabulary."""
        return np.array([code("flow_kinds", flow.kind) for flow in self.index.flows], dtype=np.int64)

    @cached_property
    def content(self) -> np.ndarray:
        """The number of each flow's content trust in the vocabulary, -1 where it is not said."""
        numbers = {word: code("content_trust", word) for word in words("content_trust")} | {None: -1}
        return np.array([numbers[flow.content] for flow in self.index.flows], dtype=np.int64)

    @cached_property
    def transport(self) -> tuple[Column, Column]:
        """(encrypted, authenticated) over all flows."""
        pairs = [transport(flow) for flow in self.index.flows]
        return tuple(
            Column(
                np.array([pair[at] is True for pair in pairs], dtype=bool),
                np.array([pair[at] is False for pair in pairs], dtype=bool),
            )
            for at in (0, 1)
        )

    def is_kind(self, *kinds: str) -> np.ndarray:
        """Elements of these kinds."""
        return np.isin(self.kind, [code("kinds", kind) for kind in kinds])

    def is_flow_kind(self, *kinds: str) -> np.ndarray:
        """Flows of these kinds."""
        return np.isin(self.flow_kind, [code("flow_kinds", kind) for kind in kinds])

    def is_content(self, *levels: str) -> np.ndarray:
        """Flows whose content is said to be one of these."""
        return np.isin(self.content, [code("content_trust", level) for level in levels])

    def any_flow(self, column: np.ndarray, end: Literal["source", "target"]) -> np.ndarray:
        """Elements that are this end of at least one flow in `column`."""
        result = np.zeros(self.size["element"], dtype=bool)
        result[getattr(self.index, end)[column]] = True
        return result

    def most(self, side: Side, words_weights: dict[str, int]) -> np.ndarray:
        """The greatest weight among the words that are there, 0 for none."""
        result = np.zeros(self.size[side], dtype=np.int64)
        for word, weight in words_weights.items():
            for source in (self.here[side], self._classes[side]):
                numbers = source.get(word)
                if numbers:
                    result[numbers] = np.maximum(result[numbers], weight)
        return result

    @cached_property
    def data_weight(self) -> dict[Side, np.ndarray]:
        """How bad a leak would be, 0 to 5: what a flow carries, what an element holds, sends and receives."""
        weights = {word: entry["weight"] for word, entry in vocabulary()["data_classes"].items()}
        flows, elements = self.most("flow", weights), self.most("element", weights)
        np.maximum.at(elements, self.index.source, flows)
        np.maximum.at(elements, self.index.target, flows)
        return {"flow": flows, "element": elements}
