"""Erasure reach: where one person's data ends up, through stores, logs, memory, embeddings and trained weights.

    reach = threatkit.erasure_reach(system, "orders")
    reach.kept                                    # what must be looked at when somebody asks to be erased
    threatkit.draw(system, highlight=reach.lit)

Data is where it is said to be held, where a flow that carries it starts, and where such a flow ends. It does not come
out of a flow with a control that surely drops it (`STOPS`); a filter that only finds most of it stops nothing. Through
flows of which nobody said what they carry it may go on: those places are `perhaps`, and questions.
A model that is trained on the data keeps it in its weights: from there the reach follows what carries weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from threatkit.columns import Column
from threatkit.errors import NotFoundError, nearest, shown
from threatkit.explain import html_table
from threatkit.gaps import Gaps, analysis_of, flows_into, label, quoted, said_of, weight_of
from threatkit.vocabulary import personal_classes, shape_of, words

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.facts import Facts
    from threatkit.gaps import Gap
    from threatkit.graph import Reach
    from threatkit.model import System
    from threatkit.questions import Question

# Deterministic controls that cut a rule about personal data in a prompt because the data is dropped. Redaction by
# pattern or classifier is probabilistic and in `lower` there, a contract moves nothing: neither is here.
STOPS = ("context_minimization",)
FORMS = {"log_store": "log", "memory": "memory", "vector_store": "embeddings"}
_ENDS = {"embeddings": ("index_purge", "retention_limit"), "memory": ("retention_limit", "index_purge")}
_RETRAIN = "cannot be erased: train again without it"
_MEANS = {
    "store": "kept in a store",
    "log": "written to a log",
    "memory": "remembered",
    "embeddings": "embedded in an index",
    "weights": "part of a trained model",
    "outside": "copy at somebody else's",
    "person": "seen by people",
    "source": "where it comes from",
    "passing": "passes through",
}


@dataclass(frozen=True)
class Trace:
    """One place that the data gets to. `ends` says what deletes it there.

    form: store, log, memory, embeddings, weights, outside (a copy at another party); and what is not ours to erase or
    does not keep it: person, source (an outsider who only sends it), passing.
    `certain` is False where it gets there only through something that nobody said. `path` has element and flow ids in
    turn, from where the data enters. `ends` is a control, or words; None where nobody said.
    """

    element: str
    form: str
    certain: bool
    path: tuple[str, ...]
    ends: str | None

    @property
    def kept(self) -> bool:
        """Whether the data stays there, so that erasing it is work."""
        return self.form not in ("person", "source", "passing")

    def to_dict(self) -> dict[str, Any]:
        """The trace as plain values."""
        return {
            "element": self.element,
            "form": self.form,
            "certain": self.certain,
            "kept": self.kept,
            "ends": self.ends,
            "path": list(self.path),
        }


@dataclass(frozen=True, eq=False)
class ErasureReach:
    """Where data gets to: `traces` with what is kept first, and the questions that would settle the rest."""

    system: System
    data: str | None
    traces: tuple[Trace, ...]
    questions: tuple[Question | Gap, ...]

    @property
    def elements(self) -> frozenset[str]:
        """Ids of all elements that it certainly gets to."""
        return frozenset(trace.element for trace in self.traces if trace.certain)

    @property
    def perhaps(self) -> frozenset[str]:
        """Ids of further elements that it may get to."""
        return frozenset(trace.element for trace in self.traces) - self.elements

    @property
    def kept(self) -> tuple[Trace, ...]:
        """Certain places where it stays."""
        return tuple(trace for trace in self.traces if trace.certain and trace.kept)

    @property
    def lit(self) -> tuple[str, ...]:
        """Element and flow ids to light in a picture: every certain place and the way to it."""
        ids = [id for trace in self.traces if trace.certain for id in (*trace.path, trace.element)]
        return tuple(dict.fromkeys(ids))

    def to_dict(self) -> dict[str, Any]:
        """The reach as plain values."""
        return {
            "data": self.data,
            "traces": [trace.to_dict() for trace in self.traces],
            "questions": [question.to_dict() for question in self.questions],
        }

    def __repr__(self) -> str:
        return (
            f"<ErasureReach of {self.data or 'personal data'}: {len(self.elements)} places, {len(self.kept)} keep it>"
        )

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(where, in what form, what deletes it there, the way) for each place, as text for people."""
        return [
            (
                label(self.system, trace.element),
                _MEANS[trace.form] + ("" if trace.certain else ", perhaps"),
                ("" if not trace.kept else "?" if trace.ends is None else trace.ends.replace("_", " ")),
                " → ".join(trace.path),
            )
            for trace in self.traces
        ]

    def _repr_html_(self) -> str:
        what = label(self.system, self.data) if self.data else "personal data"
        caption = f"{self.system.name}: {what} gets to {len(self.elements)} places and stays in {len(self.kept)}"
        return html_table(caption, ("where", "form", "what deletes it", "the way"), self.rows())


def erasure_reach(system: System | Analysis, data: str | None = None) -> ErasureReach:
    """Where personal data ends up: all of it, or one data asset or data class. O(elements + flows).

    `data` is the id of an asset or a data class; NotFoundError with the nearest word for anything else. Adding a flow
    never takes a place away. What a flow is said to carry is believed, whatever stops data before it.

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.element("web", "process"); _ = app.element("log", "log_store")
    >>> _ = app.flow("note", "web", "log", carries=["pii"])
    >>> erasure_reach(app).kept[0].form
    'log'
    """
    analysis = analysis_of(system)
    _check(analysis.system, data)
    places, gaps = _Places(analysis, data), Gaps(analysis)
    weight = weight_of(_classes(analysis.system, data))
    traces = [trace for number in np.flatnonzero(places.reached).tolist() for trace in places.traces(number)]
    if data is None:
        traces = _with_own_ways(analysis, traces)
    traces.sort(key=lambda trace: (not trace.certain, not trace.kept))
    places.ask(gaps, traces, weight)
    return ErasureReach(analysis.system, data, tuple(traces), gaps.questions)


def personal_assets(system: System) -> tuple[str, ...]:
    """Ids of the data assets about people, in the order of the model."""
    personal = frozenset(personal_classes())
    return tuple(id for id, asset in system.data.items() if asset.data_classes & personal)


def _with_own_ways(analysis: Analysis, traces: list[Trace]) -> list[Trace]:
    """Each place with the shortest way that one and the same data goes, where there is one."""
    best: dict[str, tuple[str, ...]] = {}
    forms = {trace.element: trace.form for trace in traces}
    for data in (*personal_assets(analysis.system), *personal_classes()):
        places = _Places(analysis, data)
        for number in np.flatnonzero(places.sure).tolist():
            way = places.way(number)
            if len(way) > 1 and places.form(number) == forms[way[-1]]:
                best[way[-1]] = min(best.get(way[-1], way), way, key=len)
    return [replace(trace, path=best.get(trace.element, trace.path)) for trace in traces]


def _check(system: System, data: str | None) -> None:
    known = [*system.data, *words("data_classes")]
    if data is not None and data not in known:
        raise NotFoundError(f"no data asset or data class {shown(data)}{nearest(data, known)}")


def _classes(system: System, data: str | None) -> frozenset[str]:
    return frozenset(personal_classes()) if data is None else system.classes([data])


class _Places:
    """The reach of one kind of data over one analysis: masks over elements, and what each place is."""

    def __init__(self, analysis: Analysis, data: str | None):
        self.data, self._into = data, flows_into(analysis.system)
        self.analysis, self.facts, self.index = analysis, analysis.facts, analysis.facts.index
        facts, index = self.facts, self.index
        self.carried, self.said = carried(facts, data), held(facts, data)
        stopped = _stopped(facts)
        passing, possible = self.carried.yes & ~stopped, ~self.carried.no & ~stopped
        have = self.said.yes | facts.any_flow(self.carried.yes, "source")
        self.passing = passing
        self._arrives = facts.any_flow(passing, "target")
        people = facts.is_kind("user", "external_entity") & facts.any_flow(passing, "source")
        enters = (have & ~self._arrives) | people
        self._from_entry = index.reach(enters, passing)
        self._from_any = index.reach(have, passing)
        self.weights = self._weights(passing, self._from_any.reached)
        self.sure = self._from_any.reached | self.weights.reached
        unsaid_store = self.said.unknown & facts.is_kind(*_STORES)
        near = index.reach(have | unsaid_store, possible).reached
        self.derived = near[index.source] & self._derived() & ~stopped & ~passing
        self._loose = index.reach(have | unsaid_store, possible | self.derived)
        self._loose_weights = self._weights(possible | self.derived, self._loose.reached, loose=True)
        self.reached = self.sure | self._loose.reached | self._loose_weights.reached

    def _weights(self, passing: np.ndarray, there: np.ndarray, loose: bool = False) -> Reach:
        """Trained on the data, and wherever those weights go. `loose`: through flows that may carry weights, too."""
        facts, index = self.facts, self.index
        training = facts.is_flow_kind("train") | facts.is_kind("training_pipeline")[index.target]
        learns = facts.any_flow(passing & training & there[index.source], "target") & facts.is_kind(*_LEARNS)
        moves = facts.data("flow", ["model_weights"])
        ways = moves.yes
        if loose:
            ways = ways | (moves.unknown & facts.is_kind("training_pipeline", "model_registry")[index.source])
        return index.reach(learns, ways)

    def _derived(self) -> np.ndarray:
        """Training runs on other data about people, or made for training: it may be made from this."""
        made = self.facts.data("flow", [*personal_classes(), "training_data"])
        return self.facts.is_flow_kind("train") & made.yes

    def traces(self, number: int) -> list[Trace]:
        """The place with its form and its way; a second time where a model there may be trained on the data as well."""
        id, sure = self.index.elements[number].id, bool(self.sure[number])
        found = [sure, False] if sure and self._loose_weights.reached[number] > self.weights.reached[number] else [sure]
        forms = {certain: self.form(number, certain) for certain in found}
        chosen = [certain for certain in found if certain == sure or forms[certain] != forms[sure]]
        return [Trace(id, forms[c], c, self.way(number, c), self._ends(id, forms[c])) for c in chosen]

    def way(self, number: int, certain: bool = True) -> tuple[str, ...]:
        """One shortest way to an element: with the weights of a model that was trained on it, else of the data."""
        if certain:
            ways, training = (self._from_entry, self._from_any), self.weights
        else:
            ways, training = (self._loose,), self._loose_weights
        end = training.path(number)
        first = self.index.number[end[0]] if end else number
        start = next((way.path(first) for way in ways if way.reached[first]), [])
        return tuple([*start, *end[1:]] if start else end)

    def form(self, number: int, certain: bool = True) -> str:
        """In what form the data is at an element."""
        facts, element = self.facts, self.index.elements[number]
        trained = self.weights if certain else self._loose_weights
        if trained.reached[number] and element.kind in _LEARNS:
            return "weights"
        if element.shape == "store":
            return FORMS.get(element.kind, "store")
        if "long_term_memory" in element.properties:
            return "memory"
        if element.kind == "user":
            return "person"
        if element.shape == "external" and not self._arrives[number]:
            return "source"
        outside = 0 <= facts.index.trust[number] < _PARTLY_OURS or element.shape == "external"
        return "outside" if outside else "passing"

    def _ends(self, id: str, form: str) -> str | None:
        """What deletes the data at this place: a control, or that there is nothing; None where nobody said."""
        if form == "weights":
            return _RETRAIN
        if form in ("person", "source", "passing"):
            return None
        wanted = ("dpa_no_training", "retention_limit") if form == "outside" else _ENDS.get(form, ("retention_limit",))
        into = [flow.id for flow in self._into.get(id, ())] if form == "outside" else []
        values = {control: [said_of(self.analysis, place, control) for place in (id, *into)] for control in wanted}
        there = next((control for control, said in values.items() if True in said), None)
        if there is None and False in values[wanted[0]]:
            return "nothing"
        return there

    def ask(self, gaps: Gaps, traces: list[Trace], weight: int) -> None:
        """What would settle the reach: unsaid flows and stores on the way, and what deletes the data where it stays."""
        system, number = self.analysis.system, self.index.number
        for at in np.flatnonzero(self.carried.unknown & self.reached[self.index.source]).tolist():
            flow = self.index.flows[at]
            if flow.carries is None:
                text = f"Does data about people travel on {quoted(system, flow.id)}?"
                gaps.ask(flow.id, "carries_personal", text, weight)
        for at in np.flatnonzero(self.derived).tolist() if self.data in system.data else ():
            id = self.index.flows[at].id
            text = f"Is what travels on {quoted(system, id)} made from “{label(system, self.data)}”?"
            gaps.ask(id, "carries", text, weight)
        for trace in traces:
            id, element = trace.element, system.elements[trace.element]
            if element.shape == "store" and element.holds is None and not trace.certain:
                gaps.ask(id, "holds_personal", f"Does {quoted(system, id)} keep data about people?", weight)
            if not trace.certain:
                continue
            if trace.kept and trace.ends is None:
                control = "dpa_no_training" if trace.form == "outside" else _ENDS.get(trace.form, _LIMIT)[0]
                gaps.ask(id, f"control({control})", _ASK[control].format(quoted(system, id)), weight)
            remembers = self.facts.said("element", "properties", "long_term_memory")
            if element.kind == "agent" and remembers.value(number[id]) is None:
                text = f"Does {quoted(system, id)} keep what it learned for later sessions?"
                gaps.ask(id, "has(long_term_memory)", text, weight)


_STORES = tuple(kind for kind in words("kinds") if shape_of(kind) == "store")
_LEARNS = ("training_pipeline", "model_registry", "llm", "agent")
_PARTLY_OURS = 2  # the rank of semi_trusted
_LIMIT = ("retention_limit",)
_ASK = {
    "retention_limit": "After what time is personal data deleted from {}?",
    "index_purge": "When somebody's data is erased, how soon does it leave {}?",
    "dpa_no_training": "Does a contract with {} limit how long it keeps the data, and forbid training on it?",
}


def carried(facts: Facts, data: str | None) -> Column:
    """Flows that carry a data asset, a data class, or (None) any personal data. Unknown where nothing is said.

    A flow that only names a class of the asset may carry the asset: unknown, too.
    """
    return _about(facts, "flow", [flow.carries for flow in facts.index.flows], data)


def held(facts: Facts, data: str | None) -> Column:
    """Elements that are said to hold it; unknown where nothing is said."""
    return _about(facts, "element", [element.holds for element in facts.index.elements], data)


def _about(facts: Facts, side: Any, named: list[tuple[str, ...] | None], data: str | None) -> Column:
    if data is None or data not in facts.system.data:
        return facts.data(side, personal_classes() if data is None else [data])
    classes = facts.system.data[data].data_classes & frozenset(personal_classes())
    yes = np.array([entry is not None and data in entry for entry in named], dtype=bool)
    maybe = np.array([entry is None or bool(classes & set(entry)) for entry in named], dtype=bool)
    return Column(yes, ~yes & ~maybe)


def _stopped(facts: Facts) -> np.ndarray:
    """Flows out of which the data does not come: a control that drops it, on the flow or where it ends."""
    stopped = facts.mask("flow")
    for control in STOPS:
        stopped |= facts.said("flow", "controls", control).yes
        stopped |= facts.said("element", "controls", control).yes[facts.index.target]
    return stopped
