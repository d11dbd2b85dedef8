"""The attack graph: every single step that an attacker can make in a system, with its difficulty.

A state is a place in a phase of the attack:

    text    the attacker's text or request is here
    word    text that a hijacked model wrote is here
    taken   what happens here is what the attacker wants
    loot    data that the attacker wants is here, on its way out
    goal    something that matters: see `threatkit.paths.states`

An attack starts outside, gets text to a mind (or a package to a machine, or a request to a program), takes it over,
and lets it act: call tools, read stores, send out. Whether a step exists and what it costs depends on the flow, its two
ends and the controls there, hence less flows never make more steps or easier ones. (One thing is seen as a whole:
whether it is the user who speaks to a model. Fewer flows can only make that rarer, and the step harder.)
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from threatkit import facts as fact_functions
from threatkit.columns import Column
from threatkit.facts import Facts
from threatkit.paths.guards import ASSUMED, AUTHENTICATED, KINDS, OWN_ANSWER, PASSING, Costs, thousandths
from threatkit.paths.states import END, PHASES, START, AttackGraph, Step
from threatkit.taint import SENDS, SENDS_CUT, STORES, share
from threatkit.vocabulary import effects, sensitive_classes

TOOLS = ("tool", "mcp_server", "plugin", "retriever")
PROGRAMS = ("process", "guardrail", "training_pipeline", *TOOLS)
KEPT_WHOLE = ("config", "instructions", "system_prompt", "code", "source_code", "model_weights", "training_data")


class _Builder:
    """Adds the steps of one system to a graph, one kind after the other."""

    def __init__(self, facts: Facts):
        self.t, self.index = facts, facts.index
        self.graph = AttackGraph(facts)
        self.n = facts.size["element"]
        self.costs: dict[str, list[int]] = {}
        self.goal_number: dict[tuple[str, int], int] = {}
        t = facts
        self.source, self.target = self.index.source.tolist(), self.index.target.tolist()
        self.mind, self.user = t.is_kind("agent", "llm").tolist(), t.is_kind("user").tolist()
        self.program, self.tool = t.is_kind(*PROGRAMS).tolist(), t.is_kind(*TOOLS).tolist()
        self.store = t.is_kind(*STORES).tolist()
        self.origin = (~t.taint.origin.no).tolist()
        self.origin_unsure = t.taint.origin.unknown.tolist()
        self.secret = self._known(fact_functions.holds_sensitive(t))
        self.runner = fact_functions.has(t, "code_exec", "shell").yes.tolist()
        self.shows = fact_functions.has(t, "renders_remote_content").yes.tolist()
        self.by_user = (t.taint.by_user.perhaps.reached).tolist()

    def build(self) -> AttackGraph:
        self._starts()
        for flow in range(self.t.size["flow"]):
            self._flow(flow)
        for element in range(self.n):
            self._element(element)
        return self.graph

    # -- small steps ----------------------------------------------------------------------------

    @staticmethod
    def _known(column: Column) -> list[int]:
        """1 where it is so, 0 where it may be, -1 where it is not."""
        return (column.yes.astype(np.int8) - column.no.astype(np.int8)).tolist()

    def _cost(self, kind: str, at: int) -> int:
        if kind not in self.costs:
            self.costs[kind] = Costs(self.t, kind).cost.tolist()
        return self.costs[kind][at]

    def _state(self, phase: str, element: int) -> int:
        return PHASES.index(phase) * self.n + element

    def _goal(self, kind: str, element: int) -> int:
        key = (kind, element)
        if key not in self.goal_number:
            self.goal_number[key] = len(PHASES) * self.n + len(self.graph.goals)
            self.graph.goals.append(key)
            self.graph.out.setdefault(self.goal_number[key], []).append(Step(self.goal_number[key], END, "", -1, 0))
        return self.goal_number[key]

    def _add(
        self, source: int, target: int, kind: str, at: int, *, flow: int = -1, more: int = 0, about: int = -1,
        assumed: int = 0, backward: bool = False,
    ) -> None:  # fmt: skip
        cost = self._cost(kind, at)
        if cost >= 0 and source != target:
            step = Step(source, target, kind, flow, cost + more, about, assumed, backward)
            self.graph.out.setdefault(source, []).append(step)

    # -- how it begins --------------------------------------------------------------------------

    def _starts(self) -> None:
        """Everything in an untrusted boundary, text that is said to be untrusted, and suppliers from outside."""
        t = self.t
        for element in np.flatnonzero(~t.taint.origin.no).tolist():
            unsure = self.origin_unsure[element]
            self._start("text", element, "outside", 0, ASSUMED if unsure else 1.0, int(unsure))
        said = t.is_content("untrusted", "mixed") & ~t.taint.cut & t.taint.origin.no[self.index.source]
        self.graph.explained = frozenset(np.flatnonzero(said & ~t.taint.stated).tolist())
        for flow in np.flatnonzero(said).tolist():
            self._start("text", self.target[flow], "stated", flow)
        supplied = t.is_flow_kind("supply") & (self.index.trust[self.index.source] == 1)
        supplied &= fact_functions.crosses_boundary(t).yes
        for element in sorted(set(self.index.source[supplied].tolist())):
            self._start("text", element, "supplier", -1)

    def _start(self, phase: str, element: int, kind: str, flow: int, rate: float = 1.0, assumed: int = 0) -> None:
        at = flow if kind == "stated" else 0
        cost = thousandths(KINDS[kind].likelihood) + thousandths(rate)
        step = Step(START, self._state(phase, element), kind, at if kind == "stated" else -1, cost, -1, assumed)
        self.graph.out.setdefault(START, []).append(step)

    # -- flows ----------------------------------------------------------------------------------

    def _flow(self, f: int) -> None:
        a, b = self.source[f], self.target[f]
        if a == b:
            return
        passes = bool(self._passes[f])
        if passes:
            self._influence(f, a, b)
        self._action(f, a, b, passes)
        self._way_out(f, a, b)

    @cached_property
    def _passes(self) -> list[bool]:
        return self.t.taint.carries_perhaps.tolist()

    @cached_property
    def _authenticated(self) -> list[bool]:
        return self.t.transport[1].yes.tolist()

    @cached_property
    def _call(self) -> list[bool]:
        return self.t.is_flow_kind("call").tolist()

    @cached_property
    def _kind(self) -> list[str]:
        return [flow.kind for flow in self.index.flows]

    def _influence(self, f: int, a: int, b: int) -> None:
        """The attacker's text goes on, and with it what it can take over."""
        trust = self.index.trust
        entering = self.origin[a] or 0 <= trust[a] < trust[b]
        usual = "describe" if self._describes[f] else "enter" if entering else "carry"
        more = thousandths(AUTHENTICATED) if self.origin[a] and self._authenticated[f] else 0
        for phase in ("text", "word"):
            here, kind = self._state(phase, a), usual if phase == "text" else "repeat"
            if self.mind[a] and not self.mind[b]:
                continue  # a model that was not taken over hands nothing on as it was
            if self._kind[f] not in ("supply", "train") or self.store[b]:
                self._add(here, self._state(phase, b), kind, f, flow=f, more=more)
            if phase == "word" and self.user[b]:
                self._mislead(f, here, b)
            self._take_over(f, here, b, more)

    def _take_over(self, f: int, here: int, b: int, more: int) -> None:
        """What takes over the target of a flow as it arrives: a package, training data, a request, active content."""
        taken, kind = self._state("taken", b), self._kind[f]
        if kind in ("supply", "train") and not self.store[b] and not self.user[b]:
            self._add(here, taken, kind, f, flow=f, more=more)
            if kind == "supply" and self.program[b]:
                self._add(here, self._goal("act", b), kind, f, flow=f, more=more)
        elif self._call[f] and self.program[b] and not self.runner[b]:
            self._add(here, taken, "request", f, flow=f, more=more)
        elif self.program[b] and (self.shows[b] or kind == "render"):
            self._add(here, taken, "show", f, flow=f, more=more)

    def _action(self, f: int, a: int, b: int, passes: bool) -> None:
        """What is taken over acts: it writes, calls, asks, reads."""
        taken = self._state("taken", a)
        if passes and not self.user[a]:
            phase = "word" if self.mind[a] else "text"
            if self._kind[f] not in ("supply", "train") or self.store[b]:
                self._add(taken, self._state(phase, b), "repeat" if self.mind[a] else "carry", f, flow=f)
            if not (self.mind[a] and self.mind[b]):
                self._take_over(f, taken, b, 0)
            if self.mind[a] and self.user[b]:
                self._mislead(f, taken, b)
        if self.mind[a] and self.mind[b] and self.t.mind[a] == self.t.mind[b] and self._may_follow(b):
            self._add(taken, self._state("taken", b), "join", f, flow=f)
        elif (self._call[f] or (self.mind[a] and self.tool[b])) and self.program[b] and not self.t.taint.approved[f]:
            self._add(taken, self._state("taken", b), "call", f, flow=f)
        if self.tool[a] and not self.user[b]:
            self._add(self._state("taken", b), self._state("taken", a), "ask", f, flow=f, backward=True)
        if self._kind[f] not in ("supply", "train"):
            self._read(f, a, b, "read", backward=True)
            self._read(f, b, a, "reread")
        if self.store[b] and self.secret[b] > 0 and self._destroys[a]:
            self._add(taken, self._goal("destroy", b), "destroy", b, flow=f)

    def _read(self, f: int, store: int, reader: int, kind: str, backward: bool = False) -> None:
        """A store is read by what is taken over, or by outsiders who have a connection to it."""
        if self.secret[store] < 0 or not self.store[store] or self.origin[store]:
            return
        if self.user[reader] and not self.origin[reader]:
            return
        if self.origin[reader] and not backward and not self._call[f]:
            return  # who only hands something in gets nothing back
        unsure = self.secret[store] == 0
        more = thousandths(ASSUMED) if unsure else 0
        outside = self.origin[reader]
        here, kind = self._state("text" if outside else "taken", reader), "reach" if outside else kind
        loot = self._state("loot", reader)
        self._add(here, loot, kind, f, flow=f, more=more, about=store, assumed=int(unsure), backward=backward)

    def _may_follow(self, mind: int) -> bool:
        """Whether a model's orders take over this agent: not where its own controls end that."""
        return self._cost(self._follows(mind), mind) >= 0

    def _follows(self, mind: int) -> str:
        return "persuade" if self.by_user[mind] else "hijack"

    @cached_property
    def _destroys(self) -> list[bool]:
        return fact_functions.has(self.t, "delete", "shell", "code_exec").yes.tolist()

    @cached_property
    def _kept_in(self) -> list[bool]:
        """Flows that no loot passes: controls on what leaves, and people who judge what they pass on."""
        return self._stops_loot().tolist()

    def _stops_loot(self) -> np.ndarray:
        t, index = self.t, self.index
        outward = index.trust[index.target] == 0
        stopped = t.taint.approved.copy()
        for control in SENDS_CUT:
            here = t.said("element", "controls", control).yes[index.source]
            stopped |= t.said("flow", "controls", control).yes | (here & outward)
        said = t.is_content("untrusted", "mixed", "model_generated")
        return stopped | (t.is_kind("user")[index.source] & ~said) | t.is_flow_kind("train")

    def _way_out(self, f: int, a: int, b: int) -> None:
        if not self._kept_in[f] and not self.origin[a]:
            self._add(self._state("loot", a), self._state("loot", b), "tell" if self.mind[a] else "move", f, flow=f)
        if self._call[f] and not self.store[b] and not self._kept_in[f]:
            self._add(self._state("loot", b), self._state("loot", a), "answer", f, flow=f, backward=True)

    # -- elements -------------------------------------------------------------------------------

    def _element(self, e: int) -> None:
        taken = self._state("taken", e)
        for phase in ("text", "word"):
            here = self._state(phase, e)
            if self.mind[e]:
                self._add(here, taken, self._follows(e), e)
            elif self.program[e] and not self.origin[e]:
                self._add(here, taken, "run" if self.runner[e] else "abuse", e)
            if self.store[e] and self._kept_whole[e]:
                self._add(here, self._goal("change", e), "change", e)
        if self.mind[e] or self.program[e]:
            self._acts(e, taken)
        self._leaves(e)

    def _mislead(self, f: int, here: int, user: int) -> None:
        """A person acts on what a model was made to say; less so on what they made it say themselves."""
        more = thousandths(OWN_ANSWER) if self.origin[user] else 0
        self._add(here, self._goal("mislead", user), "mislead", f, flow=f, more=more)

    @cached_property
    def _describes(self) -> list[bool]:
        return self.t.data("flow", ["tool_description"]).yes.tolist()

    def _acts(self, e: int, taken: int) -> None:
        able = self._effectful[e]
        if able >= 0:
            unsure = able == 0
            more = thousandths(ASSUMED) if unsure else 0
            self._add(taken, self._goal("act", e), "act", e, more=more, assumed=int(unsure))
        sees = self._sees[e]
        if sees >= 0 and not self.origin[e]:
            more = thousandths(ASSUMED) if sees == 0 else 0
            more += 0 if self.mind[e] or self.secret[e] > 0 else thousandths(PASSING)
            self._add(taken, self._state("loot", e), "see", e, more=more, about=e, assumed=int(sees == 0))
        if self._weights[e] and self.mind[e]:
            for phase in ("text", "word"):
                self._add(self._state(phase, e), self._state("loot", e), "extract", e, about=e)

    @cached_property
    def _effectful(self) -> list[int]:
        able = fact_functions.has(self.t, "privileged", *effects())
        may = self.t.is_kind("tool", "mcp_server", "plugin", "agent")
        return self._known(Column(able.yes, able.no | (~able.yes & ~may)))

    @cached_property
    def _sees(self) -> list[int]:
        classes = [word for word in sensitive_classes() if word != "model_weights"]  # no model knows its weights
        column = fact_functions.sees(self.t, *classes)
        shared = share(column.yes.astype(np.int8), self.t.mind, self.t).astype(bool)
        return self._known(Column(shared, column.no & ~shared))

    @cached_property
    def _weights(self) -> list[bool]:
        return fact_functions.holds(self.t, "model_weights").yes.tolist()

    @cached_property
    def _kept_whole(self) -> list[bool]:
        """Stores whose content is used later, so that to change it is an attack."""
        t = self.t
        own = t.is_kind("memory", "prompt_template", "vector_store", "model_registry")
        said = fact_functions.holds(t, *KEPT_WHOLE).yes
        public = t.is_kind("model_registry") & (self.index.trust == 1)  # made for everybody to write to
        none = (self.index.trust == 0) | public | t.is_kind("log_store")
        return ((own | said) & ~none).tolist()

    def _leaves(self, e: int) -> None:
        """Where loot is gone: outside, or at what sends, fetches, shows remote content or opens connections."""
        loot = self._state("loot", e)
        if self.index.trust[e] == 0:
            self.graph.out.setdefault(loot, []).append(Step(loot, END, "leave", -1, 0))
            return
        outsider = not self.program[e] and not self.mind[e] and not self.store[e] and not self.user[e]
        if self.index.trust[e] < 0 and outsider:
            self.graph.out.setdefault(loot, []).append(Step(loot, END, "leave", -1, thousandths(ASSUMED), -1, 1))
        sends = self._sends[e]
        if sends >= 0:
            more = thousandths(ASSUMED) if sends == 0 else 0
            self._add(loot, END, "send", e, more=more, assumed=int(sends == 0))
        if self.runner[e]:
            self._add(loot, END, "connect", e)

    @cached_property
    def _sends(self) -> list[int]:
        column = fact_functions.has(self.t, *SENDS)
        may = self.t.is_kind("tool", "mcp_server", "plugin")
        return self._known(Column(column.yes, column.no | (~column.yes & ~may)))


def attack_graph(facts: Facts) -> AttackGraph:
    """Every step of every attack on a system; a few per flow and element. O(elements + flows)."""
    return _Builder(facts).build()
