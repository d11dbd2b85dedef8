"""The class at a glance: exercises by learner, right, wrong or not answered."""

from __future__ import annotations

from collections import Counter

from threatkit.draw import theme
from threatkit.draw.figure import Picture
from threatkit.teaching.grading import Grades

_MOST = 40  # learners on the page; those with the fewest points first, since they need somebody most
_SIGNS = {"right": ("✓", "#009E73"), "wrong": ("×", "#E69F00"), "blank": ("", "#E4E4E4")}  # Okabe-Ito, and a sign


def class_overview(grades: Grades) -> Picture:
    """A heat map, exercise × learner. Learners with the fewest points come first, at most 40 of them."""
    from matplotlib.patches import Rectangle

    order = sorted(grades.learners, key=lambda learner: (grades.points(learner), learner))[:_MOST]
    states = {(mark.learner, mark.verdict.id): _state(mark.verdict) for mark in grades.marks}
    ids = grades.exercises
    picture = Picture(figsize=(max(6.0, 3.6 + 0.36 * len(ids)), 1.9 + 0.3 * len(order)), layout="constrained")
    axes = picture.add_subplot()
    for row, learner in enumerate(order):
        for column, id in enumerate(ids):
            sign, colour = _SIGNS[states[learner, id]]
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=2))
            axes.text(column + 0.5, row + 0.5, sign, ha="center", va="center", fontsize=10)
    axes.set(xlim=(0, len(ids)), ylim=(len(order), 0))
    axes.set_xticks([at + 0.5 for at in range(len(ids))], ids, rotation=60 if len(ids) > 8 else 0)
    names = [f"{theme.clean(learner, 28)}  {grades.points(learner)}/{grades.possible()}" for learner in order]
    axes.set_yticks([at + 0.5 for at in range(len(order))], names, parse_math=False)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    more = len(grades.learners) - len(order)
    title = f"{len(grades.learners)} learners, {len(ids)} exercises" + (f"; {more} learners not shown" if more else "")
    axes.set_title(f"{title}\n✓ right   × wrong   empty: not answered", loc="left", fontsize=10)
    picture.alt = _in_words(grades, ids, states, title)
    return picture


def _state(verdict: object) -> str:
    return "right" if verdict.right else "wrong" if verdict.answered else "blank"


def _in_words(grades: Grades, ids: list[str], states: dict[tuple[str, str], str], title: str) -> str:
    said = [f"Class overview, {title}"]
    for id in ids:
        counts = Counter(states[learner, id] for learner in grades.learners)
        said.append(f"{id}: {counts['right']} right, {counts['wrong']} wrong, {counts['blank']} not answered")
    return ". ".join(said) + "."
