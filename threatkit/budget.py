"""The best set of controls under a budget of latency and cost: an exact plan, not a rule of thumb.

    best = threatkit.plan(system, latency_ms=300, cost=20, must=["audit_logging@record"], never=["plan_then_execute"])
    best.chosen, best.risk_after, best.optimal

Of all sets of placements that keep to the budgets, the one with the least residual risk (`threatkit.controls` says what
that is); among those the one with the fewest controls; then the cheapest, the fastest, and the first by structure. A
mixed-integer program says so (HiGHS, through scipy), and the engine analyses each plan again: `exact` says that both
agree. Where time runs out, `bound` is the risk below which no plan can get, and `gap` the distance to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from threatkit.catalog import Catalog
from threatkit.controls import Change, Comparison, compare, with_controls
from threatkit.explain import html_table
from threatkit.model import System
from threatkit.placements import FIGURES, Placement, cost, latency
from threatkit.planner import MOST, Answer, Budget, Planner
from threatkit.tradeoff import Front, front, sensitivity

if TYPE_CHECKING:
    from threatkit.draw.figure import Picture


@dataclass(frozen=True)
class Choice:
    """A chosen placement, and what would come back without it: why it is in the plan."""

    placement: Placement
    closes: tuple[str, ...]
    lowers: tuple[str, ...]
    saves: int
    asked: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """The best set of controls. Costs and milliseconds are those of the chosen controls: what is there is free."""

    planner: Planner = field(repr=False)
    answer: Answer = field(repr=False)
    latency_ms: Budget
    cost_limit: float | None
    seconds: float

    @property
    def chosen(self) -> tuple[Placement, ...]:
        """The placements to add, those that were asked for among them."""
        return self.answer.chosen

    @cached_property
    def _after(self) -> list[Change]:
        return self.planner.standing.after(self.planner.analysed(self.chosen))

    @property
    def risk_before(self) -> int:
        """The sum of the scores of all findings now."""
        return self.planner.standing.risk

    @cached_property
    def risk_after(self) -> int:
        """The residual risk with the plan in place, as the engine says."""
        return sum(change.score for change in self._after)

    @property
    def exact(self) -> bool:
        """Whether the engine gives the risk that the program claimed."""
        return self.risk_after == self.answer.risk

    @property
    def optimal(self) -> bool:
        """Proven: no set of the considered placements leaves less risk under these budgets."""
        return self.answer.optimal and self.exact and self.planner.possible <= len(self.planner.candidates)

    @property
    def bound(self) -> int:
        """No set of the considered placements leaves less risk than this."""
        return int(self.answer.bound)

    @property
    def gap(self) -> int:
        """How much less risk a better plan could leave at most, 0 where this one is proven best."""
        return max(0, self.risk_after - self.bound)

    @property
    def cost(self) -> float:
        """The effort of the plan."""
        return self.planner.price(self.chosen)

    def latency(self, figure: str | None = None) -> dict[str, float]:
        """Milliseconds that the plan adds on each user-visible path; `figure` is low, typical or high."""
        return {path.name: path.latency(self.chosen, figure or self.planner.figure) for path in self.planner.paths}

    @property
    def system(self) -> System:
        """The system with the plan in place."""
        return with_controls(self.planner.system, self.chosen)

    @cached_property
    def comparison(self) -> Comparison:
        """Before and after, finding by finding."""
        return compare(self.planner.system, self.system, self.planner.catalog, costs=self.planner.costs)

    @cached_property
    def choices(self) -> list[Choice]:
        """Each placement with the findings that would be open or higher again without it, most useful first."""
        found = []
        now = {change.finding: change for change in self._after}
        for one in self.chosen:
            rest = [p for p in self.chosen if p != one]
            then = self.planner.standing.after(self.planner.analysed(rest))
            worse = [change for change in then if change.score > now[change.finding].score]
            closes = tuple(c.finding for c in worse if not now[c.finding].places)
            lowers = tuple(c.finding for c in worse if now[c.finding].places)
            saves = sum(change.score for change in then) - self.risk_after
            found.append(Choice(one, closes, lowers, saves, one in self.planner.must))
        return sorted(found, key=lambda choice: (-choice.saves, self.planner.candidates.index(choice.placement)))

    def sensitivity(self) -> dict[str, dict[str, Any]]:
        """The same question with the low, typical and high latency figures: chosen, risk and slowest path of each."""
        return sensitivity(self.planner, self.chosen, self.latency_ms, self.cost_limit)

    def front(self, over: str = "latency", points: int = 12) -> Front:
        """The Pareto front of residual risk against latency or cost, the other budget held; see `Front`."""
        other = self.cost_limit if over == "latency" else self.latency_ms
        return front(self.planner, over, held=other, points=points)

    def picture(self) -> Picture:
        """Both versions side by side: each finding's score before and after."""
        return self.comparison.picture()

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "chosen": [
                {
                    "control": c.placement.control,
                    "place": c.placement.place,
                    "closes": list(c.closes),
                    "lowers": list(c.lowers),
                    "saves": c.saves,
                    "asked_for": c.asked,
                    "latency_ms": latency(c.placement.control, self.planner.figure),
                    "cost": cost(c.placement.control, self.planner.costs),
                }
                for c in self.choices
            ],
            "risk": {"before": self.risk_before, "after": self.risk_after, "bound": self.bound},
            "optimal": self.optimal,
            "exact": self.exact,
            "gap": self.gap,
            "budget": {"latency_ms": self.latency_ms, "cost": self.cost_limit},
            "latency_ms": {figure: self.latency(figure) for figure in FIGURES},
            "human_ms": {path.name: path.human(self.chosen) for path in self.planner.paths},
            "cost": self.cost,
            "candidates": {"considered": len(self.planner.candidates), "possible": self.planner.possible},
            "left": [{"finding": c.finding, "score": c.score} for c in self._after if c.places],
        }

    def __repr__(self) -> str:
        slow = max(self.latency().values(), default=0.0)
        return (
            f"<Plan: {len(self.chosen)} controls, risk {self.risk_before} → {self.risk_after}, "
            f"+{slow:g} ms, cost {self.cost:g}; {self.verdict}>"
        )

    @property
    def verdict(self) -> str:
        """Whether the plan is proven to be the best, in a few words."""
        if self.optimal:
            return "proven best"
        if self.answer.optimal and self.exact:
            return f"best of {len(self.planner.candidates)} placements out of {self.planner.possible} possible ones"
        return f"at most {self.gap} above the best" if self.exact else "not confirmed by the analysis"

    def _repr_html_(self) -> str:
        rows = [
            (
                str(c.placement),
                ", ".join(c.closes) or "-",
                ", ".join(c.lowers) or "-",
                c.saves,
                f"{latency(c.placement.control, self.planner.figure):g}",
                f"{cost(c.placement.control, self.planner.costs):g}",
            )
            for c in self.choices
        ]
        caption = f"Residual risk {self.risk_before} → {self.risk_after}, {self.verdict}; effort {self.cost:g}"
        caption += "".join(f"; {name} +{ms:g} ms" for name, ms in self.latency().items())
        heads = ("control", "without it open again", "without it higher", "risk that it saves", "ms", "effort")
        return html_table(caption, heads, rows)


def plan(
    system: System,
    latency_ms: Budget = None,
    cost: float | None = None,
    *,
    must: Iterable[str | tuple[str, str]] = (),
    never: Iterable[str | tuple[str, str]] = (),
    catalog: Catalog | None = None,
    costs: Mapping[str, float] | None = None,
    figure: str = "typical",
    time_limit: float = 30.0,
    most: int = MOST,
) -> Plan:
    """The set of controls with the least residual risk under the budgets.

    `latency_ms` is what may be added on each user-visible path (see `request_paths`), one number for all or a number
    for each by name; `cost` what all placements may cost together, by the catalogue's estimate of effort or your own
    `costs`. `must` and `never` name placements, "control@place"; `never` also takes a control for all places. `figure`
    says with which latency to count: low, typical or high. A search that takes longer than `time_limit` seconds stops
    with the best plan so far and says how far it may be from the best. Raises NotFoundError, ModelError, and
    ThreatkitError where not even what must be there keeps to the budget.

    >>> from threatkit.modelfile import sample
    >>> best = plan(sample("support-assistant"), latency_ms=5, cost=10)
    >>> best.optimal, best.cost <= 10, max(best.latency().values()) <= 5
    (True, True, True)
    """
    started = time.perf_counter()
    planner = Planner(system, catalog, must=must, never=never, costs=costs, figure=figure, most=most)
    left = time_limit - (time.perf_counter() - started)
    answer = planner.solve(latency_ms, cost, time_limit=max(0.1, left))
    return Plan(planner, answer, latency_ms, cost, time.perf_counter() - started)
