"""The right answers of the exercises, worked out from the kit at the moment of checking.

Each function of `EXPECTED` takes the arguments that an exercise gives as data and returns text, a number, a truth value
or a set of texts. A set is a question for all of them, or for any of them where the exercise says `any: true`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threatkit.analysis import analyze
from threatkit.cases import incident, is_incident
from threatkit.catalog import load_catalog
from threatkit.graph import crossings
from threatkit.model import System
from threatkit.modelfile import sample
from threatkit.vocabulary import vocabulary

Answer = str | int | float | bool | frozenset[str]


def _system(name: str) -> System:
    return incident(name) if is_incident(name) else sample(name)


def _texts(words: Any) -> frozenset[str]:
    return frozenset(map(str, words))


def value(is_: Any) -> Answer:
    """An answer that is given as it is; a list is a set."""
    return _texts(is_) if isinstance(is_, list) else is_


def count_shape(model: str, shape: str) -> Answer:
    """How many elements have this shape in the diagram."""
    return sum(found == shape for _, found in _system(model).graph.nodes(data="shape"))


def count_flows(model: str, crossing: bool) -> Answer:
    """How many flows there are, or only those that cross a boundary."""
    system = _system(model)
    return len({one.flow for one in crossings(system)}) if crossing else len(system.flows)


def said(model: str, place: str, what: str) -> Answer:
    """What the model says of one place: `kind`, `boundary`, `carries` ..."""
    found = getattr(_system(model)[place], what)
    return _texts(found) if isinstance(found, tuple | list) else found


def flows_without(model: str, what: str) -> Answer:
    """The flows for which the model does not say this."""
    return _texts(id for id, flow in _system(model).flows.items() if getattr(flow, what) is None)


def data_without(model: str, what: str) -> Answer:
    """The data assets for which the model does not say this."""
    return _texts(id for id, asset in _system(model).data.items() if not getattr(asset, what))


def of_trust(model: str, trust: str) -> Answer:
    """The elements in boundaries of this trust."""
    return _texts(id for id, found in _system(model).graph.nodes(data="trust") if found == trust)


def into_more_trust(model: str, inward: bool) -> Answer:
    """The flows whose target is trusted more than their source, or less."""
    rank = {word: entry["rank"] for word, entry in vocabulary()["trust_levels"].items()}
    steps = {one.flow: rank[one.to_trust] - rank[one.from_trust] for one in crossings(_system(model))}
    return _texts(flow for flow, step in steps.items() if (step > 0 if inward else step < 0))


def rules(model: str, letter: str = "", least: int = 1) -> Answer:
    """The rules that have findings, with this STRIDE letter and at least this risk."""
    return _texts(one.rule for one in analyze(_system(model)).findings if letter in one.letters and one.score >= least)


def lost_when_moved(model: str, element: str, boundary: str) -> Answer:
    """The rules that have no finding at all any more when an element is drawn in another boundary."""
    system = _system(model)
    moved = system.copy()
    moved.replace(element, boundary=boundary)
    left = {one.rule for one in analyze(moved).findings}
    return _texts(one.rule for one in analyze(system).findings if one.rule not in left)


def letters(model: str, finding: str) -> Answer:
    """The STRIDE letters of one finding."""
    return frozenset(analyze(_system(model)).finding(finding).letters)


def letters_of_shape(model: str, place: str) -> Answer:
    """The STRIDE letters that apply to the shape of a place."""
    from threatkit.draw.cells import applicable

    system = _system(model)
    return frozenset(letter for letter in "STRIDE" if letter in applicable(system, place))


def tainted(model: str, not_: bool = False) -> Answer:
    """The elements where text of strangers arrives, or the others."""
    analysis = analyze(_system(model))
    any_rule = next(one.rule for one in analysis.findings if one.rule == "exfil-trifecta")
    reached = {
        id
        for id in analysis.system.elements
        if any(reason.fact == "tainted" and reason.value for reason in analysis.why(any_rule, id).reasons)
    }
    return _texts(set(analysis.system.elements) - reached if not_ else reached)


def path_end(model: str, finding: str, start: bool = False) -> Answer:
    """Where the path of a finding ends, or where it starts."""
    return analyze(_system(model)).finding(finding).path[0 if start else -1]


def score(model: str, finding: str, part: str = "score") -> Answer:
    """The risk of a finding, or its likelihood or impact."""
    return getattr(analyze(_system(model)).finding(finding).risk, part)


def count_findings(model: str, least: int = 1) -> Answer:
    """How many findings have at least this risk."""
    return sum(one.score >= least for one in analyze(_system(model)).findings)


def clearing(model: str, finding: str, place: str) -> Answer:
    """The controls of a finding that clear it when they stand at this place, each alone."""
    system = _system(model)
    wanted = analyze(system).finding(finding)
    return _texts(control for control in _flat(wanted.controls) if _clears(system, finding, place, control))


def clears(model: str, finding: str, place: str, control: str) -> Answer:
    """Whether this control at this place clears the finding."""
    return _clears(_system(model), finding, place, control)


def _flat(controls: Any) -> list[str]:
    parts = controls.values() if isinstance(controls, dict) else [controls]
    return [getattr(one, "id", one) for part in parts for one in part]


def _clears(system: System, finding: str, place: str, control: str) -> bool:
    changed, part = system.copy(), system[place]
    missing = [one for one in part.without or () if one != control]
    changed.replace(place, controls=[*(part.controls or ()), control], without=missing)
    return finding not in {one.id for one in analyze(changed).findings}


def erasure(model: str, data: str) -> Answer:
    """The elements that personal data reaches."""
    from threatkit.erasure import erasure_reach

    return _texts(erasure_reach(_system(model), data).elements)


def unencrypted(model: str) -> Answer:
    """The flows that are known to travel in plain text."""
    from threatkit.protection import encryption_posture

    return _texts(row.flow for row in encryption_posture(_system(model)).flows if row.encrypted is False)


def secrets_at(model: str, element: str) -> Answer:
    """The secrets that get into the context of an element."""
    from threatkit.protection import reachable_secrets

    found = reachable_secrets(_system(model))
    return _texts(row.data for row in found if row.element == element and row.how == "in context")


def taken(model: str, element: str, part: str) -> Answer:
    """What is lost when an element is taken over: `takes`, `reads`, `writes`, `acts`."""
    from threatkit.paths import blast_radius

    return _texts(getattr(blast_radius(_system(model), element), part))


def choke(model: str, part: str) -> Answer:
    """The choke points of a system: `always`, or the `flows` of a smallest cut."""
    from threatkit.paths import choke_points

    return _texts(getattr(choke_points(_system(model)), part))


def latency(control: str) -> Answer:
    """The typical delay of a control in milliseconds."""
    return load_catalog().controls[control]["latency_ms"][1]


def fastest(controls: list[str]) -> Answer:
    """Of these controls, the one with the least typical delay."""
    return min(controls, key=latency)


def assured(controls: list[str]) -> Answer:
    """Of these controls, those that work every time."""
    return _texts(one for one in controls if load_catalog().controls[one]["assurance"] == "deterministic")


def renumbered(entry: str, edition: str) -> Answer:
    """The new number of an entry of a public list."""
    from threatkit.editions import catalog_diff

    moves = [str(one) for one in catalog_diff(load_catalog(edition=edition), load_catalog()).renumbered]
    return next(move.split(" -> ")[1].split(" ")[0] for move in moves if move.startswith(f"{entry} -> "))


def new_rules(model: str, edition: str) -> Answer:
    """The rules whose findings are new since an edition of the catalogue."""
    from threatkit.editions import catalog_changes

    changes = catalog_changes(_system(model), load_catalog(edition=edition))
    return _texts(one.id.split("@")[0] for one in changes if one.kind == "new")


def first_question(model: str) -> Answer:
    """The place of the question whose answer decides most."""
    return analyze(_system(model)).questions[0].place


EXPECTED: dict[str, Callable[..., Answer]] = {
    each.__name__: each
    for each in (
        *(value, count_shape, count_flows, said, flows_without, data_without, of_trust, into_more_trust, rules),
        *(lost_when_moved, letters, letters_of_shape, tainted, path_end, score, count_findings, clearing, clears),
        *(erasure, unencrypted, secrets_at, taken, choke, latency, fastest, assured, renumbered, new_rules),
        *(first_question,),
    )
}
