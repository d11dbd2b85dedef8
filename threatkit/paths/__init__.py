"""Attack paths: how somebody outside gets at what matters, where to stand in the way, and what is lost with what.

    found = attack_paths(system)      # the easiest path to each thing that matters
    found[0]                          # its steps, the controls that it passes, the findings on it
    choke_points(found)               # the fewest flows and elements through which they all go
    closing(found)                    # which controls to put in place first, and where
    blast_radius(system, "assistant")

How difficult a step is stands in `threatkit.paths.guards`, which steps there are in `threatkit.paths.steps`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from threatkit.analysis import Analysis, analyze
from threatkit.errors import ModelError
from threatkit.paths.advice import Closing, closing
from threatkit.paths.blast import BlastRadius, blast_radius, stolen_credential
from threatkit.paths.chokes import ChokePoints, choke_points
from threatkit.paths.found import AttackPath, AttackPaths, PathStep
from threatkit.paths.search import MOST_STEPS, all_ways, easiest
from threatkit.paths.steps import attack_graph

if TYPE_CHECKING:
    from threatkit.model import System

__all__ = [
    "AttackPath", "AttackPaths", "BlastRadius", "ChokePoints", "Closing", "PathStep", "attack_paths", "blast_radius",
    "choke_points", "closing", "stolen_credential",
]  # fmt: skip
MOST = 1000


def attack_paths(
    about: System | Analysis, k: int = 5, *, to: str | None = None, variants: bool = False, most: int = MOST_STEPS
) -> AttackPaths:
    """The k easiest attack paths, one for each thing that is reached: a goal and the element that it is about.

    `to` asks for paths to one element only. `variants=True` gives the k easiest of all paths, so that several may lead
    to the same thing; that search stops after `most` steps and says so in `stopped`. Otherwise the answer is exact, in
    O(steps log steps). Raises ModelError for a k that is no number from 1 to 1000, NotFoundError for an unknown id.

    >>> from threatkit.cases import incident
    >>> attack_paths(incident("forcedleak"), k=1)[0].target
    'agent'
    """
    if type(k) is not int or not 1 <= k <= MOST:
        raise ModelError(f"k is the number of paths, from 1 to {MOST}, found {k!r}")
    analysis = about if isinstance(about, Analysis) else analyze(about)
    if to is not None:
        analysis.system[to]
    graph = attack_graph(analysis.facts)
    number = None if to is None else analysis.facts.index.number.get(to, -1)
    ways = [found for found in easiest(graph) if number in (None, found[0].element)]
    reached, stopped = len(ways), ""
    if variants:
        ways = []
        for found in all_ways(graph, most):
            if found is None:
                stopped = f"Stopped after {most} steps of the search: there may be more paths."
            elif number in (None, found[0].element):
                ways.append(found)
            if len(ways) == k:
                break
    paths = [AttackPath(analysis, aim, way, graph) for aim, way in islice(ways, k)]
    return AttackPaths(analysis, graph, paths, reached, stopped)
