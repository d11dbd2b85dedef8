"""What each millisecond and each unit of effort buys: Pareto fronts of plans, and how far the latency figures matter.

A plan is on the front where no other leaves less risk for less latency (or cost). Each point is an exact plan; between
two points the best risk is that of the left one, or lies between both where the front was not refined further.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threatkit.errors import NotFoundError, ThreatkitError, nearest, shown
from threatkit.placements import FIGURES, Placement
from threatkit.planner import Answer, Budget, Planner

if TYPE_CHECKING:
    from threatkit.draw.figure import Picture

AXES = {"latency": "milliseconds added on the slowest user-visible path", "cost": "effort of all added controls"}
_FINE = 0.02  # gaps narrower than this share of the budget are not split further


@dataclass(frozen=True)
class Point:
    """A plan on the front: what it spends, what risk it leaves, and whether it is proven best."""

    spent: float
    risk: int
    chosen: tuple[Placement, ...]
    optimal: bool
    bound: int


@dataclass(frozen=True)
class Front:
    """Points from the cheapest to the one with the least risk: more spent always means less risk."""

    over: str
    points: tuple[Point, ...]
    before: int

    @property
    def knee(self) -> Point:
        """The point farthest below the line from the first point to the last: past it, risk falls slowly.

        The knee of Satopää et al., "Finding a kneedle in a haystack", ICDCSW 2011, on axes from 0 to 1; of equally far
        points the cheapest.
        """
        first, last = self.points[0], self.points[-1]
        wide, high = last.spent - first.spent or 1.0, first.risk - last.risk or 1.0

        def below(point: Point) -> float:
            return (1 - (point.spent - first.spent) / wide) - (point.risk - last.risk) / high

        return max(self.points, key=lambda point: (round(below(point), 9), -point.spent))

    def at(self, budget: float) -> Point:
        """The best point that the budget pays for. Raises ThreatkitError where it pays for none."""
        affordable = [point for point in self.points if point.spent <= budget + 1e-9]
        if not affordable:
            raise ThreatkitError(f"no plan here costs at most {budget:g}; the cheapest is {self.points[0].spent:g}")
        return affordable[-1]

    def to_dict(self) -> dict[str, Any]:
        """The front as plain values."""
        points = [
            {"spent": p.spent, "risk": p.risk, "controls": [str(c) for c in p.chosen], "optimal": p.optimal}
            for p in self.points
        ]
        return {"over": self.over, "before": self.before, "knee": self.knee.spent, "points": points}

    def picture(self, current: float | None = None) -> Picture:
        """The front as a figure, its knee marked; `current` marks a budget."""
        from threatkit.draw.fronts import front_picture

        return front_picture(self, current)

    def _repr_html_(self) -> str:
        from threatkit.explain import html_table

        rows = [
            (f"{p.spent:g}", p.risk, len(p.chosen), "knee" if p == self.knee else "", "yes" if p.optimal else "no")
            for p in self.points
        ]
        heads = (AXES.get(self.over, self.over), "residual risk", "controls", "", "proven best")
        return html_table(f"Residual risk against {self.over}", heads, rows)


def front(
    planner: Planner,
    over: str = "latency",
    *,
    held: Any = None,
    points: int = 12,
    time_limit: float = 60.0,
    step: Callable[[int, int], None] | None = None,
) -> Front:
    """The Pareto front over latency or cost; `held` is the budget of the other one. Solves at most 2 × `points` plans.

    Starts with both ends and splits the widest gap in risk until each gap is settled or the points are used up; `step`
    hears (done, at most) after each plan. Raises NotFoundError for another axis.
    """
    if over not in AXES:
        raise NotFoundError(f"no front over {shown(over)}{nearest(over, AXES)}")
    started, solved = time.perf_counter(), 0
    spend = planner.slowest if over == "latency" else planner.price

    def at(budget: float | None) -> Point:
        nonlocal solved
        left = max(0.5, time_limit - (time.perf_counter() - started))
        both = (budget, held) if over == "latency" else (held, budget)
        answer = planner.solve(*both, time_limit=left)
        solved += 1
        if step:
            step(solved, 2 * points)
        return _point(answer, spend(answer.chosen))

    grain = 1.0 if over == "cost" and all(float(p).is_integer() for p in planner.prices) else 0.01
    solutions = [(floor := spend(planner.must), at(floor)), (float("inf"), at(None))]
    while solved < 2 * points and len(_efficient([p for _, p in solutions])) < points:
        gaps = [
            ((low_point.risk - point.risk) * (point.spent - low) ** 0.25, low, point.spent)
            for (low, low_point), (_, point) in zip(solutions, solutions[1:], strict=False)
            if low_point.risk > point.risk and point.spent - low > max(grain, _FINE * point.spent)
        ]
        if not gaps or time.perf_counter() - started > time_limit:
            break
        _, low, high = max(gaps)
        budget = _middle(low, high) if grain < 1 else (low + high) // 2
        solutions.append((budget, at(budget)))
        solutions.sort(key=lambda solution: solution[0])
    return Front(over, _efficient([point for _, point in solutions]), planner.standing.risk)


def _middle(low: float, high: float) -> float:
    """Between two budgets: geometric where they are far apart, as latencies are."""
    return (max(low, 0.01) * high) ** 0.5 if high > 8 * max(low, 0.01) else (low + high) / 2


def _point(answer: Answer, spent: float) -> Point:
    return Point(round(spent, 6), int(answer.risk), answer.chosen, answer.optimal, int(answer.bound))


def _efficient(points: list[Point]) -> tuple[Point, ...]:
    """The points that no other one beats, by what they spend."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.spent, p.risk, len(p.chosen))):
        if not kept or point.risk < kept[-1].risk:
            kept.append(point)
    return tuple(kept)


def sensitivity(
    planner: Planner, chosen: tuple[Placement, ...], latency_ms: Budget, cost: float | None
) -> dict[str, dict[str, Any]]:
    """The same question with the low, typical and high latency figures, and what the given plan adds with each."""
    result: dict[str, dict[str, Any]] = {}
    for figure in FIGURES:
        twin = planner.with_figure(figure)
        entry: dict[str, Any] = {"this_plan_ms": twin.slowest(chosen)}
        try:
            answer = twin.solve(latency_ms, cost)
            entry |= {
                "risk": int(answer.risk),
                "slowest_ms": twin.slowest(answer.chosen),
                "cost": twin.price(answer.chosen),
                "added": sorted(str(p) for p in set(answer.chosen) - set(chosen)),
                "dropped": sorted(str(p) for p in set(chosen) - set(answer.chosen)),
            }
        except ThreatkitError as error:
            entry |= {"risk": None, "why": str(error)}
        result[figure] = entry
    return result
