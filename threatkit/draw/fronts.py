"""Charts of plans: the Pareto front with its knee, and two versions of a system finding by finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg

from threatkit.draw import theme
from threatkit.draw.figure import _RC, Picture, _lock

if TYPE_CHECKING:
    from threatkit.controls import Comparison
    from threatkit.tradeoff import Front

_SIZE = (10.0, 5.625)  # inches: 16 to 9
_MOST_ROWS = 24
_ORANGE = "#E69F00"
_AXES = {"latency": "added on the slowest user-visible path, ms", "cost": "effort of the added controls"}


def _sheet(alt: str, height: float = _SIZE[1]) -> Picture:
    picture = Picture(figsize=(_SIZE[0], height), dpi=100, facecolor="white")
    FigureCanvasAgg(picture)
    picture.alt = alt
    return picture


def _rc() -> dict:
    return {**_RC, "font.family": list(theme.families()), "font.size": theme.NAME_SIZE}


def front_picture(front: Front, current: float | None = None) -> Picture:
    """Residual risk against what is spent: a step for each plan, the knee as a diamond, `current` as a dashed line."""
    points, knee = front.points, front.knee
    unit = " ms" if front.over == "latency" else ""
    said = "; ".join(f"{p.spent:g}{unit}: {p.risk}" for p in points)
    alt = f"Residual risk against {front.over}. Without a plan {front.before}. Points: {said}. "
    alt += f"The knee is at {knee.spent:g}{unit} with risk {knee.risk}."
    if current is not None:
        alt += f" The budget is {current:g}{unit}."
    with _lock, matplotlib.rc_context(_rc()):
        picture = _sheet(alt)
        axes = picture.add_axes((0.09, 0.13, 0.87, 0.73))
        last = max(points[-1].spent * 1.08, current or 0.0, 1.0)
        x, y = [p.spent for p in points], [p.risk for p in points]
        axes.step([*x, last], [*y, y[-1]], where="post", color=theme.BLUE, linewidth=2.2, zorder=2)
        axes.plot(x, y, "o", color=theme.BLUE, markersize=7, zorder=3)
        axes.plot([knee.spent], [knee.risk], "D", color=theme.VERMILION, markersize=13, zorder=4)
        top = max(front.before, y[0]) * 1.06 or 1
        axes.axhline(front.before, color=theme.GREY, linewidth=1.2, linestyle=(0, (6, 3)), zorder=1)
        axes.annotate(
            f"now: {front.before}", (0.995, front.before), xycoords=("axes fraction", "data"), ha="right", va="bottom",
            xytext=(0, 2), textcoords="offset points", color="#444444",
        )  # fmt: skip
        if front.over == "latency" and last > 50:
            axes.set_xscale("symlog", linthresh=1.0, linscale=0.6)
            marks = [t for t in (0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000) if t <= last]
            axes.set_xticks(marks, [f"{t:g}" for t in marks])
            axes.minorticks_off()
        axes.set_xlim(-0.02 * (1.0 if last > 50 and front.over == "latency" else last), last)
        axes.set_ylim(0, top)
        _name_points(axes, points, knee, unit)
        if current is not None:
            axes.axvline(current, color=theme.GREEN, linewidth=2, linestyle=(0, (3, 2)), zorder=1)
            side = "right" if current > last / 2 else "left"
            axes.annotate(
                " your budget ", (current, 0.985), xycoords=("data", "axes fraction"), ha=side, va="top",
                color=theme.GREEN, weight="bold",
            )  # fmt: skip
        axes.set_xlabel(_AXES.get(front.over, front.over))
        axes.set_ylabel("residual risk (sum of scores)")
        axes.grid(axis="y", color="#E4E4E4", zorder=0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        picture.text(0.09, 0.935, f"What {front.over} buys", size=theme.TITLE_SIZE, weight="bold")
        under = (
            f"Each point is the best plan for its budget. Diamond: the knee ({knee.spent:g}{unit}, risk {knee.risk})"
        )
        picture.text(0.09, 0.89, f"{under}, past which risk falls slowly.", size=theme.NAME_SIZE)
    return picture


def _name_points(axes: object, points: tuple, knee: object, unit: str) -> None:
    """The numbers beside the points, left out where they would stand on one another; the knee always has its own."""
    taken: list[tuple[float, float]] = []
    order = [knee, points[0], points[-1], *points]
    for point in dict.fromkeys(order):
        at = axes.transData.transform((point.spent, point.risk))
        if any(abs(at[0] - x) < 92 and abs(at[1] - y) < 17 for x, y in taken):
            continue
        taken.append((at[0], at[1]))
        right = at[0] > axes.transAxes.transform((0.88, 0))[0]
        axes.annotate(
            f"{point.risk} at {point.spent:g}{unit}", (point.spent, point.risk), textcoords="offset points",
            xytext=(-8 if right else 9, -15 if right else 7), ha="right" if right else "left",
            weight="bold" if point == knee else "normal",
        )  # fmt: skip


def side_by_side(done: Comparison) -> Picture:
    """Each finding's score before (left) and after (right), the riskiest first; what came to it in words."""
    changes = list(done.changes)
    shown = sorted(changes, key=lambda c: (-c.before, c.score))[:_MOST_ROWS] if len(changes) > _MOST_ROWS else changes
    counts = f"{len(done.gone)} gone, {len(done.lowered)} lowered, {len(done.left)} left, {len(done.new)} new"
    alt = f"Findings before and after {len(done.added)} controls. "
    alt += f"Residual risk {done.risk_before} to {done.risk_after}: {counts}. "
    alt += "; ".join(f"{theme.clean(c.title, 80)}: {c.before} to {c.score}" for c in shown) + "."
    more = len(changes) - len(shown)
    with _lock, matplotlib.rc_context(_rc()):
        picture = _sheet(alt)
        size = min(theme.NAME_SIZE, 260 / max(1, len(shown)))
        left = picture.add_axes((0.385, 0.07, 0.25, 0.77))
        right = picture.add_axes((0.665, 0.07, 0.31, 0.77))
        colours = {"gone": theme.GREEN, "lowered": theme.BLUE, "left": theme.VERMILION}
        hatches = {"gone": "", "lowered": "///", "left": ""}
        rows = range(len(shown), 0, -1)
        for axes, side in ((left, "before"), (right, "after")):
            axes.set_xlim(0, 28 if side == "before" else 34.7)
            axes.set_ylim(0.3, max(1, len(shown)) + 0.7)
            axes.set_yticks([])
            axes.set_xticks([0, 5, 10, 15, 20, 25])
            for spine in ("top", "right"):
                axes.spines[spine].set_visible(False)
            total = done.risk_before if side == "before" else done.risk_after
            axes.set_title(f"{side}: {total}", size=theme.NAME_SIZE + 1, weight="bold", loc="left")
        for y, change in zip(rows, shown, strict=True):
            words = theme.wrap(theme.clean(change.title, 160), 255, size, 1)
            picture.text(
                0.375, 0.07 + 0.77 * (y - 0.3) / (max(1, len(shown)) + 0.4), words[0] if words else "", ha="right",
                va="center", size=size,
            )  # fmt: skip
            left.barh(y, change.before, height=0.62, color="#BDBDBD", edgecolor="#666666", linewidth=0.6)
            left.text(change.before + 0.4, y, str(change.before), va="center", size=size)
            colour, hatch = colours[change.outcome], hatches[change.outcome]
            right.barh(
                y,
                change.score,
                height=0.62,
                color="white" if hatch else colour,
                edgecolor=colour,
                hatch=hatch,
                linewidth=0.8,
            )
            said = "gone" if change.outcome == "gone" else f"{change.score} {change.outcome}"
            right.text(change.score + 0.4, y, said, va="center", size=size, color=colour, weight="bold")
        picture.text(0.03, 0.94, "Before and after", size=theme.TITLE_SIZE, weight="bold")
        slow = max(done.latency().values(), default=0.0)
        under = f"Residual risk {done.risk_before} → {done.risk_after}: {counts}; +{slow:g} ms, effort {done.cost:g}."
        under += f" {more} more findings are not shown." if more else ""
        picture.text(0.03, 0.895, under, size=theme.NAME_SIZE)
    return picture
