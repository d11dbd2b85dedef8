"""What if these controls were there? The changed system, what is left of the findings, and what it costs.

    safer = system.with_controls({"ask": ["rate_limit"], "assistant": ["tool_allowlist"]})
    threatkit.compare(system, safer)       # findings gone, lowered, left and new; milliseconds; effort

**Residual risk** is the sum of the scores of the findings that a system has now, each as it stands after the change: at
the worst of its places, likelihood times impact, with what lowers it in place. A place counts as closed only where
the rule is known not to hold; where a change merely makes it undecided it still counts. So no control raises it. What
a change brings where nothing was is shown apart, as new: approving without seeing the whole action is such a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from threatkit import risk
from threatkit.analysis import Analysis, analyze
from threatkit.catalog import Catalog, Rule
from threatkit.errors import ModelError, shown
from threatkit.explain import html_table
from threatkit.findings import causes, finding_id
from threatkit.model import System
from threatkit.nouns import Element, Flow
from threatkit.placements import Placement, check_costs, cost, human_ms, latency, placement
from threatkit.requestpaths import RequestPath, request_paths

if TYPE_CHECKING:
    from threatkit.draw.figure import Picture

Wanted = Mapping[str, Iterable[str] | str] | Iterable[Placement | tuple[str, str] | str]
_ENCRYPTS, _AUTHENTICATES = ("tls", "mtls"), ("authentication", "mtls", "message_signing")


def with_controls(system: System, wanted: Wanted) -> System:
    """A copy of the system with these controls in place; the original stays as it is.

    `wanted` is {place: [controls]}, or (control, place) pairs, or texts such as "rate_limit@ask". What was said against
    a control at that place (`without`, `encrypted: false`, `authenticated: false`) no longer holds in the copy. Raises
    NotFoundError for a place or control that does not exist.
    """
    changed = system.copy()
    for word, place in placements(wanted):
        add_control(changed, place, word)
    return changed


def placements(wanted: Wanted) -> tuple[Placement, ...]:
    """The same placements in one form, each once, in the order in which they were given."""
    if isinstance(wanted, Mapping):
        pairs = [
            (word, place) for place, given in wanted.items() for word in ([given] if isinstance(given, str) else given)
        ]
    else:
        pairs = [wanted] if isinstance(wanted, str) else list(wanted)
    return tuple(dict.fromkeys(placement(pair) for pair in pairs))


def add_control(system: System, place: str, word: str) -> Element | Flow:
    """Put a control in place in this system; returns the changed element or flow. Raises NotFoundError, ModelError."""
    part = system[place]
    word = placement((word, place)).control
    if word in part.controls:
        return part
    changes: dict[str, object] = {
        "controls": (*part.controls, word),
        "without": tuple(said for said in part.without if said != word),
    }
    if isinstance(part, Flow):
        if word in _ENCRYPTS and part.encrypted is False:
            changes["encrypted"] = None
        if word in _AUTHENTICATES and part.authenticated is False:
            changes["authenticated"] = None
    return system.replace(place, **changes)


@dataclass(frozen=True)
class Change:
    """What became of one finding. `score` and `places` are those that are left; at `closed` it is over."""

    finding: str
    rule: str
    title: str
    before: int
    score: int
    places: tuple[str, ...]
    closed: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """gone, lowered (a lower score, or fewer places) or left."""
        if not self.places:
            return "gone"
        return "lowered" if self.score < self.before or self.closed else "left"


@dataclass(frozen=True)
class Arisen:
    """A rule that holds, or may hold, at a place where it was known not to hold before the change."""

    rule: str
    title: str
    place: str
    sure: bool


class Standing:
    """The findings of one analysis, and how they stand after a change. Scores are the kit's own, without overrides."""

    def __init__(self, base: Analysis):
        self.base = base
        self.groups: list[tuple[Rule, list[int], np.ndarray]] = []  # rule, places, their scores before
        for rule in base.catalog.rules.values():
            numbers = np.flatnonzero(base.column(rule).yes)
            if len(numbers):
                scores = _scores(rule, base, numbers)
                cause = causes(rule, base.facts, numbers)
                for one in np.unique(cause):
                    chosen = cause == one
                    self.groups.append((rule, numbers[chosen].tolist(), scores[chosen]))

    @cached_property
    def risk(self) -> int:
        """The residual risk with nothing changed: the sum of the scores of all findings."""
        return sum(int(scores.max()) for _, _, scores in self.groups)

    def after(self, changed: Analysis) -> list[Change]:
        """What became of each finding."""
        self._check(changed)
        found = []
        for rule, numbers, scores in self.groups:
            open_ = ~changed.column(rule).no[numbers]
            parts = self.parts(rule)
            ids = [parts[n].id for n in numbers]
            left = [n for n, still in zip(numbers, open_, strict=True) if still]
            score = int(_scores(rule, changed, np.array(left)).max()) if left else 0
            found.append(
                Change(
                    finding_id(rule.id, tuple(ids)),
                    rule.id,
                    rule.title,
                    int(scores.max()),
                    score,
                    tuple(parts[n].id for n in left),
                    tuple(id for id, still in zip(ids, open_, strict=True) if not still),
                )
            )
        return sorted(found, key=lambda change: (-change.before, -change.score))

    def residual(self, changed: Analysis) -> int:
        """The residual risk after a change."""
        return sum(change.score for change in self.after(changed))

    def arisen(self, changed: Analysis) -> list[Arisen]:
        """Where a rule holds or may hold now, and was known not to hold before."""
        found = []
        for rule in self.base.catalog.rules.values():
            column = changed.column(rule)
            for n in np.flatnonzero(self.base.column(rule).no & ~column.no).tolist():
                found.append(Arisen(rule.id, rule.title, self.parts(rule)[n].id, bool(column.yes[n])))
        return found

    def parts(self, rule: Rule) -> list:
        """The elements or flows that a rule is about, by number."""
        return self.base.facts.index.elements if rule.side == "element" else self.base.facts.index.flows

    def _check(self, changed: Analysis) -> None:
        ours, theirs = self.base.facts.index, changed.facts.index
        if [p.id for p in (*ours.elements, *ours.flows)] != [p.id for p in (*theirs.elements, *theirs.flows)]:
            raise ModelError(
                "two systems are compared place by place: both need the same elements and flows in one order"
            )


def _scores(rule: Rule, analysis: Analysis, numbers: np.ndarray) -> np.ndarray:
    return risk.likelihood(rule, analysis.facts, numbers) * risk.impact(rule, analysis.facts, numbers)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two versions of a system side by side: what the added controls do to the findings, and what they cost."""

    before: Analysis
    after: Analysis
    added: tuple[Placement, ...]
    changes: tuple[Change, ...]
    arisen: tuple[Arisen, ...]
    paths: tuple[RequestPath, ...]
    costs: Mapping[str, float]

    def _of(self, outcome: str) -> list[Change]:
        return [change for change in self.changes if change.outcome == outcome]

    @property
    def gone(self) -> list[Change]:
        """Findings that are closed at every place."""
        return self._of("gone")

    @property
    def lowered(self) -> list[Change]:
        """Findings with a lower score or fewer places."""
        return self._of("lowered")

    @property
    def left(self) -> list[Change]:
        """Findings that nothing happened to."""
        return self._of("left")

    @property
    def new(self) -> list[Arisen]:
        """Findings at places where the rule was known not to hold before."""
        return [one for one in self.arisen if one.sure]

    @cached_property
    def surfaced(self) -> list[str]:
        """Ids of findings that were open questions before: the added control shows that somebody has looked."""
        known = {(change.rule, place) for change in self.changes for place in (*change.places, *change.closed)}
        known |= {(one.rule, one.place) for one in self.arisen}
        return [f.id for f in self.after.findings if not any((f.rule, place) in known for place in f.places)]

    @cached_property
    def questions_gone(self) -> list[str]:
        """Texts of questions that need no answer any more."""
        still = {(q.place, q.fact.split("(")[0]) for q in self.after.questions}
        return [q.text for q in self.before.questions if (q.place, q.fact.split("(")[0]) not in still]

    @property
    def risk_before(self) -> int:
        """The sum of the scores of all findings before."""
        return sum(change.before for change in self.changes)

    @property
    def risk_after(self) -> int:
        """The residual risk: what is left of that sum."""
        return sum(change.score for change in self.changes)

    @property
    def cost(self) -> float:
        """The effort of all added controls."""
        return sum(cost(p.control, self.costs) for p in self.added)

    def latency(self, figure: str = "typical") -> dict[str, float]:
        """Milliseconds added on each user-visible path, by its name; `figure` is low, typical or high."""
        return {path.name: path.latency(self.added, figure) for path in self.paths}

    def human(self, figure: str = "typical") -> dict[str, float]:
        """Milliseconds for which people are waited for on each user-visible path."""
        return {path.name: path.human(self.added, figure) for path in self.paths}

    def picture(self) -> Picture:
        """Both versions side by side: each finding's score before and after."""
        from threatkit.draw.fronts import side_by_side

        return side_by_side(self)

    def to_dict(self) -> dict:
        """Everything as plain values."""
        return {
            "added": [str(p) for p in self.added],
            "risk": {"before": self.risk_before, "after": self.risk_after},
            "findings": [{**vars(change), "outcome": change.outcome} for change in self.changes],
            "new": [vars(one) for one in self.new],
            "surfaced": self.surfaced,
            "questions_gone": self.questions_gone,
            "latency_ms": {figure: self.latency(figure) for figure in ("low", "typical", "high")},
            "human_ms": self.human(),
            "cost": self.cost,
        }

    def __repr__(self) -> str:
        return (
            f"<Comparison: risk {self.risk_before} → {self.risk_after}, {len(self.gone)} gone, {len(self.lowered)} "
            f"lowered, {len(self.left)} left, {len(self.new)} new; cost {self.cost:g}>"
        )

    def _repr_html_(self) -> str:
        rows = [
            (c.outcome, f"{c.before} → {c.score}", c.title, ", ".join(c.places) or "nowhere", ", ".join(c.closed))
            for outcome in ("gone", "lowered", "left")
            for c in self._of(outcome)
        ]
        rows += [("new", "", one.title, one.place, "") for one in self.new]
        return self._costs_html() + html_table(
            f"Residual risk {self.risk_before} → {self.risk_after}",
            ("what", "score", "finding", "left at", "closed at"),
            rows,
        )

    def _costs_html(self) -> str:
        rows = [
            (str(p), f"{cost(p.control, self.costs):g}", f"{latency(p.control):g}", f"{human_ms(p.control) / 1000:g}")
            for p in self.added
        ]
        rows += [
            (f"on {path.name}", "", f"{path.latency(self.added):g}", f"{path.human(self.added) / 1000:g}")
            for path in self.paths
        ]
        rows.append(("together", f"{self.cost:g}", "", ""))
        return html_table("What is added", ("control", "effort", "ms, typical", "seconds of people"), rows)


def compare(
    system: System, changed: System, catalog: Catalog | None = None, *, costs: Mapping[str, float] | None = None
) -> Comparison:
    """What `changed` does to the findings of `system`: the same elements and flows with other controls.

    `costs` maps controls to your own figures. Raises ModelError where the two have not the same places.

    >>> from threatkit.modelfile import sample
    >>> app = sample("support-assistant")
    >>> done = compare(app, app.with_controls({"ask": ["rate_limit"]}))
    >>> done.risk_after < done.risk_before, done.latency()
    (True, {'customer ⇄ llm': 1.0})
    """
    check_costs(costs)
    before, after = analyze(system, catalog), analyze(changed, catalog)
    standing = Standing(before)
    changes = standing.after(after)
    added = [
        Placement(word, part.id) for part in changed for word in part.controls if word not in system[part.id].controls
    ]
    taken = [part.id for part in system if set(part.controls) - set(changed[part.id].controls)]
    if taken:
        raise ModelError(f"{shown(taken[0])} has lost a control; compare the other way round")
    arisen = tuple(standing.arisen(after))
    return Comparison(before, after, tuple(added), tuple(changes), arisen, request_paths(system), dict(costs or {}))
