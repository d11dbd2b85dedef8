"""How long one edit takes in the editor: applied, saved, analysed, told to the canvas.

    python -m benchmarks.editing [--sizes 12 50 200] [--edits 40] [--cpu] [--json]

The synthetic systems of `benchmarks.speed` (three flows for each element), in a file on the disk. Each edit changes a
name, moves an element, adds one, or undoes. Milliseconds, median and 95th percentile: `edit` is the whole way from the
message to the state and the reply; the parts are measured inside it. `open` is the first state, with its layout.
`--cpu` counts this process alone, for a machine that is busy with other work: it leaves out the wait for the disk.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.speed import synthetic

now = time.perf_counter
PARTS = ("apply", "analyse", "questions", "save", "layout", "tell")


class Clock:
    """Seconds by part; `timed` wraps a function so that its time is counted."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def timed(self, part: str, function: Callable) -> Callable:
        def run(*args: Any, **options: Any) -> Any:
            start = now()
            try:
                return function(*args, **options)
            finally:
                self.spent[part] += now() - start

        return run


def an_edit(draw: random.Random, at: int, size: int) -> dict:
    """Names, places, new parts and undo in turn."""
    one = f"e{draw.randrange(size)}"
    return (
        {"do": "change", "part": "element", "id": one, "set": {"name": f"Name {at}"}},
        {"do": "move", "positions": {one: [draw.randrange(2000), draw.randrange(1000)]}},
        {"do": "add", "part": "element", "set": {"kind": "tool", "in": "b0"}},
        {"do": "undo"},
        {"do": "change", "part": "flow", "id": f"f{draw.randrange(size)}", "set": {"encrypted": bool(at % 2)}},
    )[at % 5]


def measure(size: int, edits: int) -> dict[str, list[float]]:
    """Milliseconds of each edit, by part."""
    from threatkit import load_catalog, save
    from threatkit.analysis import Analysis
    from threatkit.widgets import canvas_state, editing

    load_catalog()
    rows: dict[str, list[float]] = defaultdict(list)
    clock, draw = Clock(), random.Random(3)
    asked = canvas_state.found

    def found(analysis: Analysis) -> dict[str, Any]:
        clock.timed("analyse", lambda: [finding.explanation for finding in analysis.findings[:200]])()
        clock.timed("questions", lambda: [question.text for question in analysis.questions[:20]])()
        return clock.timed("tell", asked)(analysis)

    patches = {
        "apply_edit": clock.timed("apply", editing.apply_edit),
        "complete": clock.timed("layout", editing.complete),
        "write_layout": clock.timed("save", editing.write_layout),
        "drawn": clock.timed("tell", editing.drawn),
        "found": found,
        "analyze": clock.timed("analyse", editing.analyze),
    }
    saving = patch.object(editing.modelfile, "save", clock.timed("save", editing.modelfile.save))
    with tempfile.TemporaryDirectory() as folder, patch.multiple(editing, **patches), saving:
        path = Path(folder, "model.yaml")
        save(synthetic(size), path)
        start = now()
        session = editing.Editing(path=path)
        session.state()
        rows["open"].append((now() - start) * 1e3)
        for at in range(-5, edits):  # the first five warm up
            edit = an_edit(draw, at % 5, size)
            clock.spent.clear()
            start = now()
            with editing.tidying_later():  # as the widget does: it answers first, memory is tidied after that
                reply = session.handle({"seq": at, "edit": edit})
                state = session.state()
                json.dumps(state)
                spent = now() - start
            if not reply["ok"] or reply["status"] != "saved" or state["trouble"]:
                raise SystemExit(f"an edit was not made: {edit} {reply} {state['trouble']}")
            if at >= 0:
                rows["edit"].append(spent * 1e3)
                for part in PARTS:
                    rows[part].append(clock.spent[part] * 1e3)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[12, 50, 200])
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    global now
    now = time.process_time if options.cpu else time.perf_counter
    results: dict[int, dict[str, tuple[float, float]]] = {}
    for size in options.sizes:
        measure(size, 5)  # what a first use loads
        rows = measure(size, options.edits)
        results[size] = {part: (statistics.median(times), _high(times)) for part, times in rows.items()}
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print(f"{'n':>5} " + " ".join(f"{part:>15}" for part in ("edit", *PARTS, "open")) + "   (ms, median / 95th)")
    for size, row in results.items():
        shown = (f"{row[part][0]:.1f} / {row[part][1]:.1f}" for part in ("edit", *PARTS, "open"))
        print(f"{size:>5} " + " ".join(f"{figures:>15}" for figures in shown))


def _high(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]


if __name__ == "__main__":
    main()
