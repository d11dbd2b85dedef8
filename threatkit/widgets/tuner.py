"""`tune(system)`: two budgets, latency and effort, and at once the best controls for them, the front and the picture.

All plans of a grid of budgets are solved and drawn first, in the background, with a bar that shows how far it is. After
that a change of a slider only swaps what is shown.
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets

from threatkit.catalog import Catalog
from threatkit.draw import draw
from threatkit.draw.fronts import front_picture
from threatkit.errors import LayoutError
from threatkit.explain import html_table
from threatkit.model import System
from threatkit.placements import Placement, cost, latency
from threatkit.planner import Answer, Planner
from threatkit.tradeoff import Front, Point
from threatkit.widgets.fallback import Still, WithStill, still, table

_SHARES = (
    0.0,
    0.02,
    0.1,
    0.4,
    1.0,
)  # of the latency that a plan without a budget adds: most of the choice is at the start
_COSTS = 8
_HEADS = ("control", "place", "ms", "effort")


@dataclass(frozen=True)
class Shown:
    """What one pair of budgets shows, made beforehand."""

    answer: Answer
    front: bytes
    alt: str
    diagram: bytes
    diagram_alt: str
    table: str


class Tuner(WithStill, ipywidgets.VBox):
    """The explorer behind `tune`. `chosen` is what the sliders stand for; `wait` blocks until all plans are there."""

    def __init__(self, planner: Planner, time_limit: float = 5.0):
        self.planner, self._limit = planner, time_limit
        self._cells: dict[tuple[float, float], Shown] = {}
        self._diagrams: dict[frozenset[str], tuple[bytes, str]] = {}
        self._error: str = ""
        free = planner.solve(time_limit=4 * time_limit)
        self._latencies = _levels(planner.slowest(free.chosen), planner.slowest(planner.must), _SHARES)
        shares = [n / (_COSTS - 1) for n in range(_COSTS)]
        self._costs = _levels(planner.price(free.chosen), planner.price(planner.must), shares)
        wide, long = ipywidgets.Layout(width="34em", max_width="100%"), {"description_width": "13em"}
        self.latency = ipywidgets.SelectionSlider(
            options=[(f"{ms:g} ms", ms) for ms in self._latencies],
            value=self._latencies[-1],
            description="Latency budget",
            tooltip="Milliseconds that may be added on each user-visible path",
            disabled=True,
            layout=wide,
            style=long,
        )
        self.cost = ipywidgets.SelectionSlider(
            options=[(f"{n:g}", n) for n in self._costs],
            value=self._costs[len(self._costs) // 2],
            description="Effort budget",
            tooltip="What all added controls may cost together",
            disabled=True,
            layout=wide,
            style=long,
        )
        total = len(self._latencies) * len(self._costs)
        self.progress = ipywidgets.IntProgress(
            value=0, max=total, description="Working out plans", layout=wide, style=long
        )
        self.status = ipywidgets.HTML("<p role='status'>All plans are worked out first.</p>")
        self.front, self.diagram = ipywidgets.HTML(), ipywidgets.HTML()
        self.controls = ipywidgets.HTML()
        for slider in (self.latency, self.cost):
            slider.observe(lambda _: self._show(), "value")
        super().__init__([self.latency, self.cost, self.progress, self.status, self.front, self.controls, self.diagram])
        self.add_class("tk-tuner")
        self._thread = threading.Thread(target=self._prepare, name="threatkit plans", daemon=True)
        self._thread.start()

    # -- working out --------------------------------------------------------------------------------

    def _prepare(self) -> None:
        started = time.perf_counter()
        try:
            for ms in self._latencies:
                self._row(ms)
        except Exception as error:  # the thread has nobody else to tell
            self._error = f"{type(error).__name__}: {error}"
            self.status.value = f"<p role='alert'>The plans could not be worked out: {html.escape(self._error)}</p>"
            return
        self.progress.layout.display = "none"
        self.latency.disabled = self.cost.disabled = False
        self.seconds = time.perf_counter() - started
        self._show()

    def _row(self, ms: float) -> None:
        """All plans for one latency budget: together they are the front over effort."""
        answers = {}
        for budget in self._costs:
            answers[budget] = self.planner.solve(ms, budget, time_limit=self._limit)
            self.progress.value += 1
        points: list[Point] = []
        for answer in answers.values():
            if not points or answer.risk < points[-1].risk:
                spent = self.planner.price(answer.chosen)
                points.append(Point(spent, int(answer.risk), answer.chosen, answer.optimal, int(answer.bound)))
        front = Front("cost", tuple(points), self.planner.standing.risk)
        for budget, answer in answers.items():
            picture = front_picture(front, budget)
            drawn, said = self._drawn(answer.chosen)
            shown = Shown(answer, picture.content("png", dpi=80), picture.alt, drawn, said, self._listed(answer.chosen))
            self._cells[ms, budget] = shown

    def _drawn(self, chosen: tuple[Placement, ...]) -> tuple[bytes, str]:
        places = frozenset(p.place for p in chosen)
        if places not in self._diagrams:
            try:
                picture = draw(self.planner.system, highlight=places or None, title="Where the chosen controls stand")
                self._diagrams[places] = picture.content("png", dpi=80), picture.alt
            except LayoutError as error:
                self._diagrams[places] = b"", str(error)
        return self._diagrams[places]

    def _rows(self, chosen: tuple[Placement, ...]) -> list[tuple[str, ...]]:
        figure, costs = self.planner.figure, self.planner.costs
        return [(p.control, p.place, f"{latency(p.control, figure):g}", f"{cost(p.control, costs):g}") for p in chosen]

    def _listed(self, chosen: tuple[Placement, ...]) -> str:
        return html_table(f"{len(chosen)} controls", _HEADS, self._rows(chosen))

    # -- what is shown ------------------------------------------------------------------------------

    @property
    def shown(self) -> Shown | None:
        """What the two sliders stand for; None until it is worked out."""
        return self._cells.get((self.latency.value, self.cost.value))

    @property
    def chosen(self) -> tuple[Placement, ...]:
        """The controls of the plan that is shown."""
        return self.shown.answer.chosen if self.shown else ()

    def wait(self, seconds: float | None = None) -> Tuner:
        """Block until every plan is worked out, or for so many seconds."""
        self._thread.join(seconds)
        return self

    def _summary(self) -> str:
        shown = self.shown
        if shown is None:
            return "These plans are still being worked out."
        planner, answer = self.planner, shown.answer
        proven = "proven best" if answer.optimal else f"at most {answer.risk - answer.bound:g} above the best"
        return (
            f"Residual risk {planner.standing.risk} → {answer.risk:g}, {proven}; "
            f"+{planner.slowest(answer.chosen):g} ms on the slowest path, effort {planner.price(answer.chosen):g}."
        )

    def _show(self) -> None:
        shown = self.shown
        self.status.value = f"<p role='status'>{html.escape(self._summary())}</p>"
        if shown:
            self.front.value = _image(shown.front, shown.alt)
            self.controls.value = shown.table
            self.diagram.value = _image(shown.diagram, shown.diagram_alt)

    def still(self) -> Still:
        """The summary, the controls, and the front as they are now."""
        self.wait(60)
        shown = self.shown
        if shown is None:
            return still(self._error or self._summary())
        front = Still(_image(shown.front, shown.alt), shown.alt, shown.front)
        listed = table(f"{len(self.chosen)} controls", _HEADS, self._rows(self.chosen))
        return still(self._summary(), front, listed)


def tune(
    system: System,
    *,
    catalog: Catalog | None = None,
    costs: Mapping[str, float] | None = None,
    time_limit: float = 5.0,
    **options: Any,
) -> Tuner:
    """An explorer of plans: sliders for the latency and the effort budget, the front, the controls and the picture.

    `time_limit` is for each plan; `must`, `never` and `figure` are those of `plan`. Raises what `plan` raises.
    """
    return Tuner(Planner(system, catalog, costs=costs, **options), time_limit)


def _levels(most: float, least: float, shares: Any) -> list[float]:
    """Budgets from the least that what must be there costs to the most that is of use."""
    levels = {round(least + share * (most - least) + 0.004, 2) for share in shares}
    return sorted(float(f"{level:.4g}") for level in levels)


def _image(content: bytes, alt: str) -> str:
    import base64

    if not content:
        return f"<p>{html.escape(alt)}</p>"
    data = base64.b64encode(content).decode("ascii")
    style = "max-width: 100%; height: auto; background: white"
    return f'<img alt="{html.escape(alt, quote=True)}" style="{style}" src="data:image/png;base64,{data}">'
