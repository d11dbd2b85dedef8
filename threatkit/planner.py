"""The program of one system and its solving: all budgets over one set of candidate placements."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from threatkit.analysis import Analysis, analyze
from threatkit.catalog import Catalog
from threatkit.controls import Standing, placements, with_controls
from threatkit.effects import Effects, compile_effects, relevant
from threatkit.errors import ModelError, NotFoundError, ThreatkitError, nearest, shown
from threatkit.model import System
from threatkit.placements import FIGURES, Placement, check_costs, cost, latency, placement, ranks
from threatkit.requestpaths import RequestPath, request_paths
from threatkit.vocabulary import words

MOST = 1500  # candidate placements that are considered; more are cut to those near the worst findings
_SLACK = 1e-6
_lock = threading.RLock()
Budget = float | Mapping[str, float] | None


@dataclass(frozen=True)
class Answer:
    """One solved program: the placements, the risk that it claims, and the proven bound below it."""

    chosen: tuple[Placement, ...]
    risk: float
    bound: float
    optimal: bool


class Planner:
    """The program of one system, compiled once and solved for any budgets. `plan` and the front use it."""

    def __init__(
        self,
        system: System,
        catalog: Catalog | None = None,
        *,
        must: Iterable[str | tuple[str, str]] = (),
        never: Iterable[str | tuple[str, str]] = (),
        costs: Mapping[str, float] | None = None,
        figure: str = "typical",
        most: int = MOST,
    ):
        if figure not in FIGURES:
            raise NotFoundError(f"no latency figure {shown(figure)}{nearest(figure, FIGURES)}")
        check_costs(costs)
        self.system, self.catalog, self.costs, self.figure = system.copy(), catalog, dict(costs or {}), figure
        self.base: Analysis = analyze(self.system, catalog)
        self.standing = Standing(self.base)
        self.paths = request_paths(self.system)
        self.must = tuple(p for p in placements(must) if p.control not in self.system[p.place].controls)
        barred = _barred(self.system, never)
        for p in self.must:
            if p in barred or p.control in barred:
                raise ModelError(f"{p} is both asked for and excluded")
        order = ranks(self.system)
        vocabulary = {word: n for n, word in enumerate(words("controls"))}
        allowed = [p for p in relevant(self.standing) if p not in barred and p.control not in barred]
        self.possible = len({*allowed, *self.must})
        kept = self._nearest_to_the_worst(allowed, most)
        pool = sorted({*kept, *self.must}, key=lambda p: (vocabulary[p.control], order[p.place], p.place))
        self.effects: Effects = compile_effects(self.standing, pool)
        self.candidates = self.effects.candidates
        self.latencies = np.array([latency(p.control, figure) for p in self.candidates])
        self.prices = np.array([cost(p.control, self.costs) for p in self.candidates])

    def with_figure(self, figure: str) -> Planner:
        """The same program with other latency figures."""
        twin = copy.copy(self)
        twin.figure, twin.latencies = figure, np.array([latency(p.control, figure) for p in self.candidates])
        return twin

    def _nearest_to_the_worst(self, allowed: list[Placement], most: int) -> list[Placement]:
        """All of them where there are few; else those beside the findings with the highest scores."""
        if len(allowed) <= most:
            return allowed
        facts, worth = self.base.facts, {}
        for rule, numbers, scores in self.standing.groups:
            parts = self.standing.parts(rule)
            for number, score in zip(numbers, scores.tolist(), strict=True):
                beside = [parts[number].id]
                if rule.side == "flow":
                    beside += [parts[number].source, parts[number].target]
                for place in beside:
                    for word in rule.controls:
                        worth[word, place] = worth.get((word, place), 0) + score * (2 if word in rule.cuts else 1)
        order = ranks(facts.system)
        return sorted(allowed, key=lambda p: (-worth.get((p.control, p.place), 0), order[p.place], p))[:most]

    # -- solving ------------------------------------------------------------------------------------

    def solve(self, latency_ms: Budget = None, cost: float | None = None, *, time_limit: float = 30.0) -> Answer:
        """The least residual risk under the budgets, with the fewest controls. Raises ThreatkitError if none fits."""
        started = time.perf_counter()
        first = self._run(self._weights(), self._budgets(latency_ms, cost), time_limit)
        left = time_limit - (time.perf_counter() - started)
        if not first.optimal or left <= 0 or not first.chosen:
            return first
        n = len(self.candidates)
        tie = np.zeros(len(self.effects.program.upper))
        scale = max(1.0, float(self.prices.sum())), max(1.0, float(self.latencies.sum()))
        tie[:n] = self.prices / scale[0] + 0.1 * self.latencies / scale[1] + 1e-3 * np.arange(n) / n
        as_good = [
            (self._objective(), first.risk - self.effects.constant + 0.25),
            (dict.fromkeys(range(n), 1.0), len(first.chosen) + 0.25),
        ]
        try:
            second = self._run(tie, [*self._budgets(latency_ms, cost), *as_good], left)
        except ThreatkitError:
            return first
        return Answer(second.chosen, first.risk, first.bound, True)

    def _objective(self) -> dict[int, float]:
        return {i: w for i, w in enumerate(self.effects.program.weight) if w}

    def _weights(self) -> np.ndarray:
        weights = np.array(self.effects.program.weight, dtype=float)
        n = len(self.candidates)
        weights[:n] = 0.45 / (n + 1)
        return weights

    def _budgets(self, latency_ms: Budget, cost: float | None) -> list[tuple[dict[int, float], float]]:
        """Rows `sum ≤ bound`: one for each user-visible path, and one for the cost."""
        rows = []
        for path, budget in self._each_path(latency_ms):
            terms = {
                i: float(self.latencies[i])
                for i, p in enumerate(self.candidates)
                if p.place in path.places and self.latencies[i]
            }
            rows.append((terms, budget))
        if cost is not None:
            rows.append(({i: float(price) for i, price in enumerate(self.prices) if price}, _number("cost", cost)))
        return rows

    def _each_path(self, latency_ms: Budget) -> list[tuple[RequestPath, float]]:
        if latency_ms is None:
            return []
        if not isinstance(latency_ms, Mapping):
            return [(path, _number("latency_ms", latency_ms)) for path in self.paths]
        known = {path.name: path for path in self.paths}
        for name in latency_ms:
            if name not in known:
                raise NotFoundError(f"no user-visible path {shown(name)}{nearest(name, known)}")
        return [(known[name], _number("latency_ms", budget)) for name, budget in latency_ms.items()]

    def _run(self, weights: np.ndarray, most: list[tuple[dict[int, float], float]], time_limit: float) -> Answer:
        from scipy.optimize import Bounds, LinearConstraint, milp

        program, n = self.effects.program, len(self.candidates)
        if not program.upper:
            return Answer((), self.effects.constant, self.effects.constant, True)
        low = np.zeros(len(program.upper))
        for i, p in enumerate(self.candidates):
            low[i] = 1.0 if p in self.must else 0.0
        matrix, lower, upper = _matrix(program.rows, program.lower, most, len(program.upper))
        with _silence():
            done = milp(
                weights,
                integrality=np.array(program.whole, dtype=int),
                bounds=Bounds(low, np.array(program.upper)),
                constraints=LinearConstraint(matrix, lower, upper) if matrix.shape[0] else (),
                options={"time_limit": max(0.05, time_limit), "mip_rel_gap": 0.0},
            )
        if done.status == 2:
            raise ThreatkitError(
                "no plan keeps to the budget: what must be there costs more; raise a budget or ask for less"
            )
        if done.x is None:  # time ran out before the first plan: what must be there is one
            bound = self.effects.constant + max(0.0, done.mip_dual_bound or 0.0)
            return Answer(self.must, math.inf, math.floor(bound), False)
        chosen = tuple(p for i, p in enumerate(self.candidates) if done.x[i] > 0.5)
        risk = sum(program.weight[i] * done.x[i] for i in self._objective()) + self.effects.constant
        bound = self.effects.constant + max(0.0, done.mip_dual_bound or 0.0) - 0.45 * (n / (n + 1))
        proven = done.status == 0
        risk = round(risk)
        return Answer(chosen, risk, risk if proven else min(risk, math.ceil(bound - _SLACK)), proven)

    def analysed(self, chosen: Iterable[Placement]) -> Analysis:
        """The engine's own analysis with these controls in place."""
        return analyze(with_controls(self.system, list(chosen)), self.catalog)

    def slowest(self, chosen: Iterable[Placement]) -> float:
        """Milliseconds that these controls add on the user-visible path on which they add most."""
        return max((path.latency(chosen, self.figure) for path in self.paths), default=0.0)

    def price(self, chosen: Iterable[Placement]) -> float:
        """What these controls cost together."""
        return sum(cost(p.control, self.costs) for p in chosen)


def _barred(system: System, never: Iterable[str | tuple[str, str]]) -> set[str | Placement]:
    barred: set[str | Placement] = set()
    for given in [never] if isinstance(never, str) else never:
        if isinstance(given, str) and "@" not in given:
            barred.add(placement((given, "everywhere")).control)
        else:
            one = placement(given)
            system[one.place]  # NotFoundError with the nearest id
            barred.add(one)
    return barred


def _number(name: str, budget: float) -> float:
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget < math.inf:
        raise ModelError(f"{name} must be a number from 0, found {shown(repr(budget))}")
    return budget + _SLACK


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Some releases of HiGHS print lines of their own to the process's output, where JSON may be on its way."""
    sys.stdout.flush()
    with _lock, Path(os.devnull).open("w") as nowhere:
        kept = os.dup(1)
        try:
            os.dup2(nowhere.fileno(), 1)
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def _matrix(
    rows: list[dict[int, float]], lower: list[float], most: list[tuple[dict[int, float], float]], columns: int
) -> tuple[Any, np.ndarray, np.ndarray]:
    """All rows as one sparse matrix with a lower and an upper bound for each."""
    from scipy.sparse import csr_matrix

    everything = [*rows, *(terms for terms, _ in most)]
    starts = np.cumsum([0, *(len(row) for row in everything)])
    places = np.fromiter((i for row in everything for i in row), dtype=np.int64, count=starts[-1])
    values = np.fromiter((c for row in everything for c in row.values()), dtype=float, count=starts[-1])
    matrix = csr_matrix((values, places, starts), shape=(len(everything), columns))
    low = np.array([*lower, *(-np.inf for _ in most)], dtype=float)
    high = np.array([*(np.inf for _ in rows), *(bound for _, bound in most)], dtype=float)
    return matrix, low, high
