"""Values with one part spoilt: what a file looks like that another program wrote, or that somebody edited by hand."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

WRONG = (None, 7, "x", [], {}, True, [None], {"x": None}, -1.5e300, [["x"]])


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every part of a JSON value."""
    yield path
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from places(entry, (*path, key))


def spoilt(value: Any) -> Iterator[tuple[tuple, Any]]:
    """(path, copy in which that part is something else or gone), for each part of a JSON value in turn.

    Each part is gone, null, and three more of the wrong values, which take turns.
    """
    for number, path in enumerate(places(value)):
        if not path:
            yield from (((), other) for other in WRONG)
            continue
        for wrong in (None, ..., *((WRONG * 2)[1 + (number + step) % 9] for step in (0, 3, 6))):
            twin = copy.deepcopy(value)
            parent = twin
            for key in path[:-1]:
                parent = parent[key]
            if wrong is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = wrong
            yield path, twin
