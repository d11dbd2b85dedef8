"""The figures on the terminal and as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.incidents.reading import Case, folder, library
from benchmarks.incidents.scoring import Score, score, total
from benchmarks.incidents.variants import blind, merged, renamed
from threatkit.cli_page import clean

_HEADS = ("primary@10", "all@10", "asked@10", "findings", "noise", "alarms", "attack", "fix")


def _row(one: Score) -> list[str]:
    parts = (
        f"{one.hit_primary}/{one.primary}",
        f"{one.hit}/{one.expected}",
        f"{one.hit_asked}/{one.primary}",
        str(one.findings),
        f"{one.findings / one.places:.2f}" if one.places else "-",
        f"{one.alarms}/{one.unwanted}",
        _attack(one) if one.attack else f"{one.attacks_found}/{one.attacks}",
        _found(one.attack.fixed) if one.attack else f"{one.fixes_found}/{one.fixes}",
    )
    return list(parts)


def _attack(one: Score) -> str:
    """Whether the attack was found, and the ranks of the paths that meet the primary expectations."""
    ranks = ",".join(str(rank or "-") for rank in one.attack.ranks)
    return f"{_found(one.attack.found)} {ranks}".strip()


def _found(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[value]


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
        "attack_among_5_easiest": "of the attacks that the model can show are among the 5 easiest paths",
        "fix_in_cut_or_first_3": "of the fixes are in the cut or among the first 3 suggested controls",
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
        if one.attack:
            more |= {"attack_paths": one.attack.paths, "attack_ranks": list(one.attack.ranks)}
            more |= {"fixed_by": list(one.attack.by)}
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
    from benchmarks import incidents

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.incidents",
        description=incidents.__doc__,
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
