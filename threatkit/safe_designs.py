"""Known safe designs as properties of the data flow graph: each holds, fails with a witness path, or is unknown.

The properties follow the published designs that `source` names; they are stated here as reachability over the facts.
A deterministic control that a check asks for must be said to be there: said to be missing fails the check, not said
leaves it unknown. Agents that share a memory or an index count as one, since splitting an agent in two that read each
other's notes changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from threatkit import facts as fact_functions
from threatkit.columns import Column, Side
from threatkit.design_checks import ASK_CHANGES, ASK_DATA, ASK_OUT, ASK_WHO, DesignCheck, DesignChecks, Violation
from threatkit.errors import NotFoundError, nearest, shown
from threatkit.explain import in_words
from threatkit.facts import Facts
from threatkit.model import System
from threatkit.vocabulary import vocabulary


def designs(system: System | Facts) -> DesignChecks:
    """Check every known safe design on a system (or its facts): a list, and a table in a notebook.

    A few searches over the graph for each: O(elements + flows).

    >>> from threatkit.model import System
    >>> [check.id for check in designs(System("A")) if check.holds is not True]
    []
    """
    facts = system if isinstance(system, Facts) else Facts(system)
    return DesignChecks([_check(design, facts) for design in DESIGNS], facts.system.name)


def design(system: System, id: str) -> DesignCheck:
    """Check one design, such as `SD-03`. Raises NotFoundError for an id that does not exist."""
    known = {entry.id: entry for entry in DESIGNS}
    if id not in known:
        raise NotFoundError(f"no design {shown(id)}{nearest(id, known)}")
    return _check(known[id], Facts(system))


@dataclass(frozen=True)
class _Design:
    id: str
    name: str
    source: str
    violations: Callable[[Facts], Iterator[Violation]]


def _check(design: _Design, facts: Facts) -> DesignCheck:
    found = sorted(design.violations(facts), key=lambda v: (not v.sure, len(v.path), v.path, v.why))
    if not found:
        return DesignCheck(design.id, design.name, design.source, True, "nothing breaks it")
    first = found[0]
    holds = False if first.sure else None
    return DesignCheck(design.id, design.name, design.source, holds, first.why, first.path, tuple(found))


# -- what the checks share ---------------------------------------------------------------------------


def _models(t: Facts) -> np.ndarray:
    return t.is_kind("agent", "llm")


def _tools(t: Facts) -> np.ndarray:
    return t.is_kind("tool", "mcp_server", "plugin") | fact_functions.effectful(t).yes & ~_models(t)


def _label(t: Facts, number: int) -> str:
    return t.index.elements[number].label


def _numbers(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def _flow_path(t: Facts, number: int) -> tuple[str, ...]:
    return ((flow := t.index.flows[number]).source, flow.id, flow.target)


def _tainted_path(t: Facts, number: int) -> tuple[str, ...]:
    return tuple(t.taint.path(t.taint.any, number))


def _to_flow(t: Facts, number: int) -> tuple[str, ...]:
    """The way of untrusted text to a flow's source, and the flow."""
    before = _tainted_path(t, int(t.index.source[number]))
    return (*before[:-1], *_flow_path(t, number))


def _control(t: Facts, side: Side, *controls: str) -> Column:
    """Whether any of the controls is in place here or next door: there, said to be missing, or not said."""
    near_yes = fact_functions.control(t, side, *controls).yes
    near_no = fact_functions.lacks(t, side, *controls).yes | t.complete(side, "controls")
    return Column(near_yes, near_no & ~near_yes)


def _need(
    t: Facts, side: Side, mask: np.ndarray, controls: tuple[str, ...], why: str, path: Callable[[int], tuple[str, ...]]
) -> Iterator[Violation]:
    """A violation at each place in the mask that lacks one of the controls; unsure where nobody said so."""
    for control in controls:
        column = _control(t, side, control)
        for number in _numbers(mask & ~column.yes):
            part = (t.index.elements if side == "element" else t.index.flows)[number]
            sure = bool(column.no[number])
            says = "without" if sure else "nobody said whether there is"
            ask = "" if sure else f"Is this in place at “{part.label}”? {vocabulary()['controls'][control]}"
            yield Violation(path(number), f"{part.label}: {why}, {says} {control.replace('_', ' ')}", sure, ask)


def _tainted_models(t: Facts, models: np.ndarray, why: str) -> Iterator[Violation]:
    column = t.taint.any.column
    for number in _numbers(models & ~column.no):
        sure = bool(column.yes[number])
        path = _tainted_path(t, number) if sure else (t.index.elements[number].id,)
        says = f"untrusted text {'reaches' if sure else 'may reach'} {_label(t, number)}, {why}"
        yield Violation(path, says, sure, "" if sure else ASK_WHO.format(_label(t, number)))


def shared_minds(t: Facts) -> np.ndarray:
    """The minds of `taint.minds`, joined where one writes a store that another reads: shared memory is one context."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    index, size = t.index, t.size["element"]
    models, stores = _models(t), t.is_kind("memory", "vector_store", "datastore")
    written = fact_functions.model_written(t).yes & stores[index.target] & models[index.source]
    is_shared = t.any_flow(written, "target") | t.is_kind("memory")
    reads = is_shared[index.source] & models[index.target]
    joins = written | reads | (index.source < 0)
    driven = models[index.source] & models[index.target]
    same = t.mind[index.source] == t.mind[index.target]
    joins |= driven & same
    chosen = (np.ones(int(joins.sum()), dtype=np.int8), (index.source[joins], index.target[joins]))
    return connected_components(csr_matrix(chosen, shape=(size, size)), directed=False)[1]


def _together(
    t: Facts, third: Column, third_path: Callable[[int], tuple[str, ...]], why: str, asked: str
) -> Iterator[Violation]:
    """Contexts in which untrusted text, sensitive data and a third ability meet."""
    groups, models = shared_minds(t), _models(t)
    tainted, sensitive = t.taint.any.column, fact_functions.sees_sensitive(t)
    for group in sorted(set(groups[models].tolist())):
        members = np.flatnonzero((groups == group) & models)
        parts = [tainted, sensitive, third]
        if any(not (~column.no)[members].any() for column in parts):
            continue
        sure = all(column.yes[members].any() for column in parts)
        start = next((int(m) for m in members if tainted.yes[m]), int(members[0]))
        end = next((int(m) for m in members if third.yes[m]), start)
        path = _tainted_path(t, start) or (t.index.elements[start].id,)
        tail = third_path(end) if third.yes[end] else ()
        path = (*path, *tail[1:]) if tail and tail[0] == path[-1] else path
        open_part = next((n for n, column in enumerate(parts) if not column.yes[members].any()), None)
        ask = "" if open_part is None else (ASK_WHO, ASK_DATA, asked)[open_part].format(_label(t, start))
        says = f"{_label(t, start)}: {why}" + (f" ({in_words(t, path)})" if sure else ", perhaps")
        yield Violation(path, says, sure, ask)


# -- the designs -------------------------------------------------------------------------------------


def _trifecta(t: Facts) -> Iterator[Violation]:
    out = t.outflow.way_out
    yield from _together(
        t, out.column, lambda m: tuple(out.sure.path(m)), "untrusted text, sensitive data and a way out meet", ASK_OUT
    )


def _rule_of_two(t: Facts) -> Iterator[Violation]:
    calls = fact_functions.model_calls(t).yes & ~t.taint.approved
    effectful = fact_functions.effectful(t).at(t.index.target)
    acting = fact_functions.outgoing(t, Column.known(calls) & effectful)
    own = fact_functions.effectful(t) & Column.known(_models(t))
    third = acting | own | t.outflow.way_out.column

    def path(member: int) -> tuple[str, ...]:
        flows = _numbers(calls & effectful.yes & (t.index.source == member))
        return _flow_path(t, flows[0]) if flows else tuple(t.outflow.way_out.sure.path(member))

    yield from _together(t, third, path, "untrusted text, sensitive data and unapproved effects meet", ASK_CHANGES)


def _callers(t: Facts) -> np.ndarray:
    """Models that call tools themselves."""
    tools = _tools(t)
    calls = fact_functions.model_calls(t).yes | (_models(t)[t.index.source] & tools[t.index.target])
    return t.any_flow(calls & _models(t)[t.index.source], "source")


def _dual_llm(t: Facts) -> Iterator[Violation]:
    yield from _tainted_models(t, _callers(t), "and it calls tools")
    tainted = t.taint.on_flows(t.taint.any).yes
    tools = _tools(t) & fact_functions.effectful(t).yes
    reached = tainted & tools[t.index.target] & ~_models(t)[t.index.source] & ~t.is_kind("user")[t.index.source]
    passed_on = fact_functions.model_text(t)
    reached &= passed_on.yes | passed_on.unknown | t.is_flow_kind("call")
    yield from _need(t, "flow", reached, ("argument_validation",), "a tool gets arguments from outside", _to(t))


def _along(t: Facts) -> Callable[[int], tuple[str, ...]]:
    return lambda number: _flow_path(t, number)


def _to(t: Facts) -> Callable[[int], tuple[str, ...]]:
    return lambda number: _to_flow(t, number)


def _camel(t: Facts) -> Iterator[Violation]:
    yield from _dual_llm(t)
    tools = _tools(t)
    into = tools[t.index.target] & ~t.is_kind("user", "external_entity", "third_party_service")[t.index.source]
    into &= ~tools[t.index.source]
    for number in _numbers(into & _models(t)[t.index.source]):
        yield Violation(
            _flow_path(t, number), f"{t.index.flows[number].label}: a model calls a tool past the interpreter"
        )
    interpreters = sorted({int(s) for s in t.index.source[into & ~_models(t)[t.index.source]]})
    for other in interpreters[1:]:
        flow = _numbers(into & (t.index.source == other))[0]
        yield Violation(_flow_path(t, flow), f"{_label(t, other)} calls a tool beside {_label(t, interpreters[0])}")
    free = t.taint.on_flows(t.taint.any).yes & _models(t)[t.index.source] & np.isin(t.index.target, interpreters)
    for number in _numbers(free):
        why = f"{_label(t, int(t.index.source[number]))} read untrusted text and writes freely to the interpreter"
        yield Violation(_to_flow(t, number), why)
    controls = ("policy_engine", "content_provenance_labels")
    yield from _need(t, "flow", into, controls, "a tool call", _along(t))


def _action_selector(t: Facts) -> Iterator[Violation]:
    tools, models = _tools(t), _models(t)
    back = t.index.reach(tools, ~t.is_kind("user")[t.index.source] & np.ones(t.size["flow"], dtype=bool))
    for number in _numbers(back.reached & models):
        yield Violation(tuple(back.path(number)), f"what a tool returns gets back to {_label(t, number)}")
    into = tools[t.index.target] & models[t.index.source]
    yield from _need(
        t, "flow", into, ("output_schema_validation",), "the choice of an action is free text", _along(t),
    )  # fmt: skip


def _plan_then_execute(t: Facts) -> Iterator[Violation]:
    yield from _tainted_models(t, _planners(t), "which plans")
    tools = _tools(t)
    for number in _numbers(tools[t.index.source] & _planners(t)[t.index.target]):
        yield Violation(_flow_path(t, number), f"{t.index.flows[number].label}: a result gets back to the planner")


def _planners(t: Facts) -> np.ndarray:
    """Models whose text makes software or tools do something."""
    calls = t.is_flow_kind("call") & _models(t)[t.index.source]
    return t.any_flow(calls, "source") | _callers(t)


def _map_reduce(t: Facts) -> Iterator[Violation]:
    column, models = t.taint.any.column, _models(t)
    workers = models & column.yes
    out = workers[t.index.source] & ~t.is_kind("log_store")[t.index.target]
    for number in _numbers(out & (_tools(t) | t.is_kind("user"))[t.index.target] & t.is_flow_kind("call")):
        yield Violation(
            _to_flow(t, number), f"{_label(t, int(t.index.source[number]))} reads untrusted text and has tools"
        )
    stores = t.is_kind("memory", "datastore", "vector_store")
    for store in _numbers(stores):
        touching = {int(t.index.source[f]) for f in _numbers(workers[t.index.source] & (t.index.target == store))}
        if len(touching) > 1:
            flow = _numbers(workers[t.index.source] & (t.index.target == store))[0]
            yield Violation(_to_flow(t, flow), f"workers share {_label(t, store)}")
    yield from _need(
        t, "flow", out & ~stores[t.index.target] | out & models[t.index.target], ("output_schema_validation",),
        "a worker's result is free text", _to(t),
    )  # fmt: skip


def _code_then_execute(t: Facts) -> Iterator[Violation]:
    runs = fact_functions.has(t, "code_exec", "shell").yes & ~_models(t)
    generators = t.any_flow(runs[t.index.target] & _models(t)[t.index.source], "source")
    yield from _tainted_models(t, generators, "which writes code that is run")
    controls = ("sandboxed_execution", "egress_allowlist")
    yield from _need(t, "element", runs, controls, "code is run", lambda number: (t.index.elements[number].id,))


def _context_minimisation(t: Facts) -> Iterator[Violation]:
    people = t.is_kind("user")
    flows = np.ones(t.size["flow"], dtype=bool) & ~people[t.index.source]
    answering = _models(t) & t.index.reach(people, flows, backward=True).reached
    yield from _tainted_models(t, answering, "which answers people")


def _information_flow(t: Facts) -> Iterator[Violation]:
    calls = fact_functions.model_calls(t).yes | (_models(t)[t.index.source] & _tools(t)[t.index.target])
    tainted = t.taint.any.column.yes[t.index.source]
    low = fact_functions.trust(t, "untrusted", "vendor").yes[t.index.target]
    leaking = fact_functions.carries_sensitive(t).yes & low
    controls = ("content_provenance_labels", "policy_engine")
    yield from _need(t, "flow", calls & tainted, controls, "untrusted text steers a call", _to(t))
    yield from _need(
        t, "flow", calls & leaking, controls, "a call carries sensitive data to less trusted hands", _along(t),
    )  # fmt: skip


def _mediation(t: Facts) -> Iterator[Violation]:
    guards = ("policy_engine", "user_delegated_authz")
    at_flow = np.zeros(t.size["flow"], dtype=bool)
    at_element = np.zeros(t.size["element"], dtype=bool)
    for control in guards:
        at_flow |= t.said("flow", "controls", control).yes
        at_element |= t.said("element", "controls", control).yes
    free = ~at_flow & ~at_element[t.index.source] & ~at_element[t.index.target]
    relays = t.is_kind("tool", "mcp_server", "plugin", "process", "retriever", "agent", "llm")
    sensitive = fact_functions.holds_sensitive(t).yes & ~t.is_kind("log_store", "prompt_template")
    goals = sensitive & (fact_functions.store(t).yes | t.is_kind("third_party_service"))
    forward = t.index.reach(_models(t), free & relays[t.index.source])
    backward = t.index.reach(_models(t), free & (relays | goals)[t.index.source], backward=True)
    for reach in (forward, backward):
        for number in _numbers(reach.reached & goals):
            path = tuple(reach.path(number))
            yield Violation(path, f"a model gets at {_label(t, number)} with no check outside the model")
    shared = fact_functions.has(t, "shared_service_account").yes & (
        _models(t) | t.is_kind("tool", "mcp_server", "plugin")
    )
    for number in _numbers(shared):
        yield Violation((t.index.elements[number].id,), f"{_label(t, number)} uses one account for everyone")


def _render_safe(t: Facts) -> Iterator[Violation]:
    shows = fact_functions.has(t, "renders_remote_content").yes[t.index.target]
    text = fact_functions.model_text(t)
    controls = ("output_link_allowlist", "output_encoding")
    yield from _need(
        t, "flow", shows & text.yes, controls, "model output is shown with its links", _along(t),
    )  # fmt: skip


def _sandbox(t: Facts) -> Iterator[Violation]:
    flows = ~t.is_kind("user")[t.index.source]
    near_models = t.index.reach(_models(t), flows).reached
    runs = fact_functions.has(t, "code_exec", "shell").yes & near_models & ~_models(t)
    yield from _need(
        t, "element", runs, ("sandboxed_execution",), "generated code is run", lambda n: (t.index.elements[n].id,)
    )
    outward = runs[t.index.source] & fact_functions.trust(t, "untrusted").yes[t.index.target]
    secret = runs[t.index.target] & fact_functions.carries(t, "credentials").yes
    for number in _numbers(outward | secret):
        what = "can reach the outside" if outward[number] else "gets credentials"
        runner = int((t.index.source if outward[number] else t.index.target)[number])
        yield Violation(_flow_path(t, number), f"{_label(t, runner)} runs generated code and {what}")


def _gated_memory(t: Facts) -> Iterator[Violation]:
    memory = t.is_kind("memory") | fact_functions.remembered(t).yes
    tainted = t.taint.on_flows(t.taint.any).yes
    into = tainted & memory[t.index.target]
    yield from _need(t, "flow", into, ("memory_write_gate",), "untrusted text is remembered", _to(t))
    back = memory[t.index.source] & _models(t)[t.index.target]
    yield from _need(
        t, "flow", back, ("content_provenance_labels",), "memory is read back as if it were said now", _along(t),
    )  # fmt: skip
    yield from _need(
        t, "element", memory, ("memory_isolation",), "memory is kept", lambda number: (t.index.elements[number].id,)
    )


def _verified_supply(t: Facts) -> Iterator[Violation]:
    crossing = t.is_flow_kind("supply") & fact_functions.crosses_boundary(t).yes

    yield from _need(t, "flow", crossing, ("artifact_signing", "dependency_pinning"), "it is supplied", _along(t))
    weights = crossing & fact_functions.carries(t, "model_weights").yes
    yield from _need(t, "flow", weights, ("safe_serialization",), "a model is loaded", _along(t))
    updating = fact_functions.has(t, "auto_update").yes
    yield from _need(
        t, "element", updating, ("tool_description_pinning",), "it updates itself", lambda n: (t.index.elements[n].id,)
    )


_PATTERNS = "https://arxiv.org/abs/2506.08837"
DESIGNS = (
    _Design("SD-01", "Lethal trifecta absent", "https://simonwillison.net/2025/Jun/16/the-lethal-trifecta/", _trifecta),
    _Design("SD-02", "Agents Rule of Two", "https://ai.meta.com/blog/practical-ai-agent-security/", _rule_of_two),
    _Design("SD-03", "Dual LLM", _PATTERNS, _dual_llm),
    _Design("SD-04", "CaMeL-like mediation", "https://arxiv.org/abs/2503.18813", _camel),
    _Design("SD-05", "Action selector", _PATTERNS, _action_selector),
    _Design("SD-06", "Plan then execute", _PATTERNS, _plan_then_execute),
    _Design("SD-07", "Map-reduce", _PATTERNS, _map_reduce),
    _Design("SD-08", "Code then execute", _PATTERNS, _code_then_execute),
    _Design("SD-09", "Context minimisation", _PATTERNS, _context_minimisation),
    _Design("SD-10", "Information-flow control", "https://arxiv.org/abs/2505.23643", _information_flow),
    _Design("SD-11", "Complete mediation outside the model", "https://doi.org/10.1109/PROC.1975.9939", _mediation),
    _Design("SD-12", "Render-safe output", "https://genai.owasp.org/llm-top-10/", _render_safe),
    _Design("SD-13", "Network-less sandbox", "https://atlas.mitre.org/studies/AML.CS0016", _sandbox),
    _Design("SD-14", "Gated memory", "https://atlas.mitre.org/mitigations/AML.M0031", _gated_memory),
    _Design("SD-15", "Verified supply path", "https://slsa.dev", _verified_supply),
)
