"""How well threatkit finds what went wrong in documented incidents.

    python -m benchmarks.incidents [DIR] [--blind] [--renamed SEED] [--merge-adversaries] [--misses] [--json]

DIR holds case files, one incident each: the system before the event, the threats that a good analysis of it raises
(`expected`), and those that would be a false alarm (`should_not_fire`). Without DIR the incidents that come with
threatkit are measured. An analysis sees the system only; names are printed, and never decide.

A finding matches an expectation where one of its places is in `where`, or is a flow that touches an element in
`where`; one of its STRIDE letters is accepted; and it shares an id with at least two of the accepted sets OWASP LLM
(either edition, ids with their year), OWASP ASI and ATLAS.

recall@10      the share of expectations that one of the ten riskiest findings matches: of the primary ones, of all
with questions the same for the primary ones over the first ten of findings and questions ranked together: by risk, a
               finding before a question of the same risk. A question stands at its place for the rules that its
               answer would settle, with their STRIDE and ids; its risk is what the answer would settle. No more than
               the first ten findings and the first twelve questions take part.
noise          findings for each element and flow
false alarms   the share of `should_not_fire` ids that a finding of the highest level, critical, carries
Totals are over all expectations, places and ids, not means of the cases. A case that cannot be read is a row with its
error and the exit code is 1; the figures are those of the others.

--blind drops what is said to be absent, so that what was not said to be there is unknown. --renamed gives every
element, flow and boundary a neutral id and no name. --merge-adversaries makes one external entity, in the least
trusted of their boundaries, of the elements that are drawn only because of the attack; flows among them fall away.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from threatkit import System, ThreatkitError, analyze
from threatkit.cases import Expectation, expectations, incidents
from threatkit.catalog import STRIDE
from threatkit.cli_page import clean
from threatkit.errors import shown
from threatkit.findings import AI_LISTS
from threatkit.vocabulary import vocabulary
from threatkit.yamltext import read_yaml

TOP, TOP_QUESTIONS = 10, 12
MAX_CASES, MAX_PARTS, MAX_BYTES = 1000, 2000, 1_000_000
LISTS = ("owasp_llm", "owasp_asi", "atlas")


@dataclass(frozen=True)
class Case:
    """One incident to measure. `adversaries`: elements that are drawn only because of the attack; never analysed."""

    id: str
    name: str
    family: str
    system: System
    adversaries: tuple[str, ...]
    expected: tuple[Expectation, ...]
    should_not_fire: tuple[str, ...]


class BadCase(Exception):
    """A case that cannot be read, and why."""


# -- reading ----------------------------------------------------------------------------------------


def library() -> list[tuple[str, Case | str]]:
    """The incidents that come with threatkit, as cases."""
    return [
        (c.id, Case(c.id, c.name, c.family, c.system(), c.adversaries, c.expected, c.should_not_fire))
        for c in incidents()
    ]


def folder(path: Path) -> list[tuple[str, Case | str]]:
    """Each case file of a folder in the order of their names: (file name, the case or what is wrong with it)."""
    files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and file.is_file())
    found: list[tuple[str, Case | str]] = []
    seen: set[str] = set()
    for file in files[:MAX_CASES]:
        try:
            case = read_case(file)
            if case.id in seen:
                raise BadCase(f"a case {shown(case.id)} stands in this folder already")
            seen.add(case.id)
            found.append((file.name, case))
        except (BadCase, ThreatkitError) as error:
            found.append((file.name, str(error).split("\n")[0]))
    found += [(file.name, f"not read: more than {MAX_CASES} cases") for file in files[MAX_CASES:]]
    return found


def read_case(file: Path) -> Case:
    """One case file. Raises BadCase and ThreatkitError."""
    if file.stat().st_size > MAX_BYTES:
        raise BadCase(f"the file is larger than {MAX_BYTES} bytes")
    document = read_yaml(file)
    if document.problems:
        raise BadCase(str(document.problems[0]))
    top = document.value
    if not isinstance(top, dict):
        raise BadCase("expected keys and values: id, name, system, expected")
    system = _part(top, "system", dict)
    return Case(
        _part(top, "id", str),
        _part(top, "name", str),
        str(top.get("family") or "other"),
        _system(system),
        tuple(e["id"] for e in _entries(system, "elements") if e.get("adversary") is True),
        _expected(top),
        _words(top, "should_not_fire"),
    )


def _system(said: dict[str, Any]) -> System:
    """The System of a case: ids, types, boundaries, data, properties and controls; `adversary` is left behind."""
    parts = {key: _entries(said, key) for key in ("trust_boundaries", "elements", "flows")}
    if sum(map(len, parts.values())) > MAX_PARTS:
        raise BadCase(f"the system has more than {MAX_PARTS} parts")
    system = System("case")
    for entry in parts["trust_boundaries"]:
        system.boundary(entry["id"], name=entry.get("name"), trust=entry.get("trust"))
    for entry in parts["elements"]:
        system.element(
            entry["id"],
            _part(entry, "type", str),
            name=entry.get("name"),
            boundary=entry.get("boundary"),
            holds=entry.get("data_held"),
            properties=entry.get("properties"),
            controls=entry.get("controls_present"),
            without=entry.get("controls_absent"),
        )
    for entry in parts["flows"]:
        system.flow(
            entry["id"],
            _part(entry, "from", str),
            _part(entry, "to", str),
            name=entry.get("name"),
            kind=entry.get("kind") or "data",
            carries=entry.get("data"),
            content=entry.get("content_trust"),
            encrypted=entry.get("encrypted"),
            authenticated=entry.get("authenticated"),
            controls=entry.get("controls_present"),
            without=entry.get("controls_absent"),
        )
    return system


def _expected(top: dict[str, Any]) -> tuple[Expectation, ...]:
    entries = _entries(top, "expected")
    if not entries:
        raise BadCase("nothing is expected, so there is nothing to measure")
    for entry in entries:
        accept = _part(entry, "accept", dict)
        letters = _words(accept, "stride")
        if not _words(entry, "where") or not letters or set(letters) - set("STRIDE"):
            raise BadCase(f"{shown(entry['id'])}: an expectation needs where and accept.stride, letters of STRIDE")
        if entry.get("role") not in ("primary", "secondary"):
            raise BadCase(f"{shown(entry['id'])}: role is primary or secondary")
        for name in accept:
            _words(accept, name)
    return expectations(entries)


def _entries(top: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = top.get(key) or []
    if not isinstance(found, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in found):
        raise BadCase(f"{key}: expected a list of entries with an id")
    return found


def _part(top: dict[str, Any], key: str, noun: type) -> Any:
    found = top.get(key)
    if not isinstance(found, noun):
        raise BadCase(f'"{key}": expected {"a text" if noun is str else "keys and values"}, found {shown(found)}')
    return found


def _words(top: dict[str, Any], key: str) -> tuple[str, ...]:
    found = top.get(key) or []
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise BadCase(f"{key}: expected a list of words, found {shown(found)}")
    return tuple(found)


# -- variants of a case: what must not change the result ---------------------------------------------


def changed(case: Case, parts: Iterable[Any], new: Mapping[str, str], adversaries: Iterable[str]) -> Case:
    """The case with other parts, and with `where` under the new ids."""
    system = System(case.system.name)
    for part in parts:
        system.add(part)
    expected = tuple(replace(x, where=tuple(new.get(id, id) for id in x.where)) for x in case.expected)
    return replace(case, system=system, expected=expected, adversaries=tuple(adversaries))


def blind(case: Case) -> Case:
    """Nothing is said to be absent."""
    old = case.system
    open_parts = [part.model_copy(update={"without": (), "complete": ()}) for part in old]
    return changed(case, [*old.data.values(), *_nested(old), *open_parts], {}, case.adversaries)


def renamed(case: Case, seed: int) -> Case:
    """Neutral ids and no names, numbered in an order that follows from the seed."""
    old = case.system
    numbers = list(range(1000, 1000 + len(old.elements) + len(old.flows)))
    random.Random(seed).shuffle(numbers)
    new = {part.id: f"x{number}" for part, number in zip(old, numbers, strict=True)}
    zone = {id: f"z{number}" for number, id in enumerate(old.boundaries)}
    bare = {"name": None, "description": None}
    parts: list[Any] = list(old.data.values())
    for part in _nested(old):
        parts.append(part.model_copy(update={**bare, "id": zone[part.id], "inside": zone.get(part.inside)}))
    for part in old.elements.values():
        parts.append(part.model_copy(update={**bare, "id": new[part.id], "boundary": zone.get(part.boundary)}))
    for part in old.flows.values():
        ends = {"source": new[part.source], "target": new[part.target]}
        parts.append(part.model_copy(update={**bare, **ends, "id": new[part.id]}))
    return changed(case, parts, new, [new[id] for id in case.adversaries if id in new])


def merged(case: Case) -> Case:
    """All adversaries as one external entity. What one of them holds or can do, it does."""
    old = case.system
    one = [old.elements[id] for id in case.adversaries if id in old.elements]
    if not one:
        return case
    ranks = {level: entry["rank"] for level, entry in vocabulary()["trust_levels"].items()}
    trust = {id: ranks.get(boundary.trust, 9) for id, boundary in old.boundaries.items()}
    held = [e.holds for e in one if e.holds is not None]
    controls = [c for c in one[0].controls if all(c in e.controls for e in one)]
    adversary = one[0].model_copy(
        update={
            "kind": "external_entity",
            "boundary": min((e.boundary for e in one), key=lambda id: trust.get(id, 9)),
            "holds": tuple(dict.fromkeys(word for words in held for word in words)) if held else None,
            "properties": tuple(dict.fromkeys(word for e in one for word in e.properties)),
            "controls": tuple(controls),
            "without": tuple(dict.fromkeys(w for e in one for w in e.without if w not in controls)),
        }
    )
    new = {e.id: adversary.id for e in one}
    parts: list[Any] = [*old.data.values(), *_nested(old)]
    parts += [adversary if e is one[0] else e for e in old.elements.values() if e.id == adversary.id or e.id not in new]
    for flow in old.flows.values():
        source, target = new.get(flow.source, flow.source), new.get(flow.target, flow.target)
        if source != target or flow.source == flow.target:
            parts.append(flow.model_copy(update={"source": source, "target": target}))
    return changed(case, parts, new, [adversary.id])


def _nested(system: System) -> list[Any]:
    """The boundaries, each after the one around it."""
    boundaries, placed = system.boundaries, {}
    while len(placed) < len(boundaries):
        ready = [b for b in boundaries.values() if b.id not in placed and (b.inside is None or b.inside in placed)]
        placed |= {b.id: b for b in ready}
    return list(placed.values())


# -- scoring ----------------------------------------------------------------------------------------


def matches(
    expectation: Expectation,
    system: System,
    places: Iterable[str],
    stride: Iterable[str],
    references: Mapping[str, Sequence[str]],
) -> bool:
    """Whether something at these places, with these STRIDE words and ids, is what was expected."""
    flows, where = system._flows, set(expectation.where)
    touched = {end for place in places if place in flows for end in (flows[place].source, flows[place].target)}
    if where.isdisjoint(touched) and where.isdisjoint(places):
        return False
    letters = {word[0].upper() for word in stride if word in STRIDE}
    if letters.isdisjoint(expectation.accept.get("stride", ())):
        return False
    return sum(not accepted(expectation, name).isdisjoint(references.get(name, ())) for name in LISTS) >= 2


def accepted(expectation: Expectation, name: str) -> set[str]:
    """The accepted ids of one list, in any of its editions: `owasp_llm_2025` and `owasp_llm_2026` are one set."""
    return {id for key, ids in expectation.accept.items() if key == name or key.startswith(f"{name}_") for id in ids}


@dataclass
class Score:
    """What came out for one case, or summed over several."""

    label: str
    cases: int = 1
    primary: int = 0
    hit_primary: int = 0
    hit_asked: int = 0
    expected: int = 0
    hit: int = 0
    findings: int = 0
    questions: int = 0
    places: int = 0
    unwanted: int = 0
    alarms: int = 0
    missed: list[dict[str, Any]] = field(default_factory=list)
    alarm_ids: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """The figures, None where there is nothing to divide by."""
        return {
            "recall_primary_at_10": _share(self.hit_primary, self.primary),
            "recall_all_at_10": _share(self.hit, self.expected),
            "recall_primary_at_10_with_questions": _share(self.hit_asked, self.primary),
            "noise": _share(self.findings, self.places),
            "false_alarms": _share(self.alarms, self.unwanted),
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def score(case: Case) -> Score:
    """Analyse the system of a case and compare the result with what was expected."""
    analysis = analyze(case.system)
    findings, questions = analysis.findings, analysis.questions
    result = Score(case.id, findings=len(findings), questions=len(questions))
    result.places = len(case.system.elements) + len(case.system.flows)
    joint: list[Any] = sorted(
        [(f.score, f) for f in findings[:TOP]] + [(q.risk, q) for q in questions[:TOP_QUESTIONS]], key=lambda p: -p[0]
    )[:TOP]

    def at(part: Any) -> bool:
        if hasattr(part, "places"):
            return matches(x, case.system, part.places, part.stride, part.references)
        rules = [analysis.catalog.rules[id] for id in part.rules]
        ids = [{n: r.references[n] for n in r.references if has_ai or n not in AI_LISTS} for r in rules]
        return any(matches(x, case.system, [part.place], r.stride, i) for r, i in zip(rules, ids, strict=True))

    has_ai = analysis.facts.has_ai
    for x in case.expected:
        ranks = [rank for rank, finding in enumerate(findings, start=1) if at(finding)]
        hit, asked = bool(ranks) and ranks[0] <= TOP, any(at(part) for _, part in joint)
        result.expected += 1
        result.hit += hit
        if x.role == "primary":
            result.primary += 1
            result.hit_primary += hit
            result.hit_asked += asked
        if not hit:
            missed = {"id": x.id, "role": x.role, "title": x.title, "where": list(x.where), "asked": asked}
            result.missed.append(missed | {"rank": ranks[0] if ranks else None})
    top = {
        id for f in findings if f.risk.level == "critical" for name in LISTS[:2] for id in f.references.get(name, ())
    }
    result.unwanted = len(set(case.should_not_fire))
    result.alarm_ids = sorted(top.intersection(case.should_not_fire))
    result.alarms = len(result.alarm_ids)
    return result


def total(label: str, scores: Iterable[Score]) -> Score:
    """The sum of several scores."""
    result = Score(label, cases=0)
    for one in scores:
        for name in ("cases", "primary", "hit_primary", "hit_asked", "expected", "hit", "findings", "questions"):
            setattr(result, name, getattr(result, name) + getattr(one, name))
        for name in ("places", "unwanted", "alarms"):
            setattr(result, name, getattr(result, name) + getattr(one, name))
    return result


# -- printing ---------------------------------------------------------------------------------------

_HEADS = ("primary@10", "all@10", "asked@10", "findings", "noise", "alarms")


def _row(one: Score) -> list[str]:
    parts = (
        f"{one.hit_primary}/{one.primary}",
        f"{one.hit}/{one.expected}",
        f"{one.hit_asked}/{one.primary}",
        str(one.findings),
        f"{one.findings / one.places:.2f}" if one.places else "-",
        f"{one.alarms}/{one.unwanted}",
    )
    return list(parts)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Plain columns: the first one left, the others right."""
    wide = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    for row in (heads, *rows):
        cells = [row[0].ljust(wide[0]), *(cell.rjust(width) for cell, width in zip(row[1:], wide[1:], strict=True))]
        print("  ".join(cells).rstrip())


def print_report(scores: list[tuple[Case, Score]], errors: list[tuple[str, str]], misses: bool) -> None:
    """The tables: each case, each family, all."""
    rows = [[f"{clean(case.id)} {clean(case.name)[:44]}", *_row(one)] for case, one in scores]
    _table(("case", *_HEADS), rows)
    families: dict[str, list[Score]] = {}
    for case, one in scores:
        families.setdefault(clean(case.family), []).append(one)
    print()
    rows = [[f"{family} ({len(ones)})", *_row(total(family, ones))] for family, ones in sorted(families.items())]
    _table(("family", *_HEADS), rows)
    everything = total("all", [one for _, one in scores])
    print()
    _table((f"{everything.cases} cases", *_HEADS), [["all", *_row(everything)]])
    said = {
        "recall_primary_at_10": "of the primary threats stand among the ten riskiest findings",
        "recall_all_at_10": "of all expected threats do",
        "recall_primary_at_10_with_questions": "of the primary threats, findings and questions ranked together",
        "noise": "findings for each element and flow",
        "false_alarms": "of the ids that would be a false alarm are raised as critical",
    }
    print()
    for name, figure in everything.figures().items():
        print(f"{'-' if figure is None else format(figure, '.3f'):>6}  {said[name]} ({name})")
    if misses:
        _print_misses(scores)
    for name, error in errors:
        print(f"\n{clean(name)}: not measured: {clean(error)[:300]}")


def _print_misses(scores: list[tuple[Case, Score]]) -> None:
    for case, one in scores:
        if one.missed or one.alarm_ids:
            print(f"\n{clean(case.id)} {clean(case.name)}")
        for miss in one.missed:
            rank = f"found at rank {miss['rank']}" if miss["rank"] else "no finding"
            asked = ", a question stands for it" if miss["asked"] else ""
            where = ", ".join(miss["where"])
            print("  " + clean(f"{miss['role']} {miss['id']} {miss['title']} ({where}): {rank}{asked}"))
        if one.alarm_ids:
            print("  " + clean(f"false alarm: {', '.join(one.alarm_ids)}"))


def to_dict(scores: list[tuple[Case, Score]], errors: list[tuple[str, str]]) -> dict[str, Any]:
    """The figures as plain values."""
    cases: list[dict[str, Any]] = []
    for case, one in scores:
        figures = one.figures() | {"findings": one.findings, "questions": one.questions}
        more = {"false_alarm_ids": one.alarm_ids, "missed": one.missed}
        cases.append({"id": case.id, "family": case.family, **figures, **more})
    cases += [{"id": name, "error": error} for name, error in errors]
    everything = total("all", [one for _, one in scores])
    families: dict[str, list[Score]] = {}
    for case, one in scores:
        families.setdefault(case.family, []).append(one)
    return {
        "cases": cases,
        "families": {family: total(family, ones).figures() for family, ones in sorted(families.items())},
        "total": {**everything.figures(), "cases": everything.cases, "errors": len(errors)},
    }


def measure(
    cases: Iterable[tuple[str, Case | str]],
    *,
    without_absent: bool = False,
    seed: int | None = None,
    merge: bool = False,
) -> tuple[list[tuple[Case, Score]], list[tuple[str, str]]]:
    """Score each case in the mode asked for; returns scores and errors."""
    scores: list[tuple[Case, Score]] = []
    errors: list[tuple[str, str]] = []
    for name, case in cases:
        if isinstance(case, str):
            errors.append((name, case))
            continue
        case = merged(case) if merge else case
        case = blind(case) if without_absent else case
        case = renamed(case, seed) if seed is not None else case
        scores.append((case, score(case)))
    return scores, errors


def main(argv: list[str] | None = None) -> int:
    """Measure a folder of cases and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.incidents",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dir", metavar="DIR", nargs="?", type=Path, help="a folder of case files")
    parser.add_argument("--blind", action="store_true", help="drop what is said to be absent")
    parser.add_argument("--renamed", metavar="SEED", type=int, help="give everything a neutral id and no name")
    parser.add_argument("--merge-adversaries", action="store_true", help="one external entity for all of the attack's")
    parser.add_argument("--misses", action="store_true", help="list what was missed, and the false alarms")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    if options.dir is not None and not options.dir.is_dir():
        parser.error(f"no such folder: {clean(options.dir)}")
    cases = library() if options.dir is None else folder(options.dir)
    if not cases:
        parser.error(f"no case files in {clean(options.dir)}")
    scores, errors = measure(cases, without_absent=options.blind, seed=options.renamed, merge=options.merge_adversaries)
    if options.json:
        print(json.dumps(to_dict(scores, errors), indent=1))
    else:
        print_report(scores, errors, options.misses)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
