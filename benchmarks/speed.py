"""How fast threatkit is on synthetic systems: time to load, to build the graph, to analyse, for attack paths
and safe designs, and peak memory.

    python -m benchmarks.speed [--sizes 50 500 5000 50000] [--runs 5] [--json]

A system of n elements has 3n flows and boundaries of 25 elements, nested in groups of ten. Kinds, controls, data and
content are drawn from a fixed seed with the frequencies of hand-made models, so that rules fire and reach matters.
Each size runs in its own processes; figures are medians over the runs.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MOST_ASKED = 10_000  # beyond it the questions of a synthetic system are so many that nobody would read them
KINDS = ["process"] * 8 + ["datastore"] * 5 + ["user"] * 2 + ["external_entity", "third_party_service"]
KINDS += ["agent"] * 3 + ["llm"] * 2 + ["tool"] * 3 + ["vector_store", "mcp_server", "log_store", "memory", "retriever"]


def synthetic(size: int, seed: int = 7) -> Any:
    """A System of `size` elements and three times as many flows; the same for the same seed."""
    from threatkit import System

    draw = random.Random(seed)
    system = System(f"synthetic {size}")
    count = max(1, size // 25)
    for number in range(count):
        trust = draw.choice(["trusted"] * 6 + ["vendor", "semi_trusted", "untrusted"])
        system.boundary(f"b{number}", trust=trust, inside=f"b{number - number % 10}" if number % 10 else None)
    for number in range(size):
        kind = draw.choice(KINDS)
        properties = draw.sample(["send_message", "delete", "web_fetch", "code_exec"], 1) if kind == "tool" else []
        system.element(
            f"e{number}",
            kind,
            name=f"Element {number}",
            boundary=f"b{number // 25 % count}",
            properties=properties,
            holds=["pii"] if kind == "datastore" and draw.random() < 0.3 else None,
            controls=["rate_limit"] if draw.random() < 0.2 else [],
            without=["human_approval"] if draw.random() < 0.2 else [],
            complete=["controls"] if draw.random() < 0.3 else [],
        )
    for number in range(3 * size):
        near = draw.random() < 0.8
        source = draw.randrange(size)
        target = min(size - 1, source // 25 * 25 + draw.randrange(25)) if near else draw.randrange(size)
        system.flow(
            f"f{number}",
            f"e{source}",
            f"e{target}",
            name=f"Flow {number}",
            kind="call" if draw.random() < 0.2 else "data",
            carries=draw.sample(["pii", "internal", "public", "confidential"], 1) if draw.random() < 0.8 else None,
            content=draw.choice(["trusted", None, None, "model_generated"]),
            encrypted=draw.choice([True, True, True, False, None]),
            authenticated=draw.choice([True, True, False, None]),
        )
    return system


def measure(size: int) -> dict[str, float]:
    """All times in seconds, memory in MB, in this process."""
    from threatkit import analyze, load, load_catalog
    from threatkit.graph import build_graph
    from threatkit.modelfile import dumps

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.yaml")
        path.write_text(dumps(synthetic(size)), encoding="utf-8")
        figures["file_mb"] = path.stat().st_size / 1e6
        load_catalog()
        analyze(synthetic(10)).findings  # noqa: B018  (imports and the first call are not the analysis)
        start = time.perf_counter()
        system = load(path)
        figures["load"] = time.perf_counter() - start
    build_graph(synthetic(10))
    start = time.perf_counter()
    build_graph(system)
    figures["graph"] = time.perf_counter() - start
    start = time.perf_counter()
    analysis = analyze(system)
    figures["findings"] = len(analysis.findings)
    figures["analyse"] = time.perf_counter() - start
    figures["questions"] = figures["ask"] = math.nan
    if size <= MOST_ASKED:
        start = time.perf_counter()
        figures["questions"] = len(analysis.questions)
        figures["ask"] = time.perf_counter() - start
    figures |= dict.fromkeys(("paths", "chokes", "designs"), math.nan)
    if size <= MOST_ASKED:
        figures |= measure_paths(analysis)
    figures |= dict.fromkeys(("plan", "gap"), math.nan)
    if size <= MOST_ASKED:
        figures |= measure_plan(system)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def measure_paths(analysis: Any) -> dict[str, float]:
    """Seconds for the five easiest attack paths in words, their choke points with suggestions, and the safe designs."""
    from threatkit import attack_paths, choke_points, closing

    warm = attack_paths(synthetic(10))
    choke_points(warm)
    start = time.perf_counter()
    found = attack_paths(analysis)
    steps = [path.steps for path in found]
    paths = time.perf_counter() - start
    start = time.perf_counter()
    choke_points(found), closing(found)
    chokes = time.perf_counter() - start
    start = time.perf_counter()
    analysis.designs()
    assert len(steps) == len(found)
    return {"paths": paths, "chokes": chokes, "designs": time.perf_counter() - start}


def measure_plan(system: Any) -> dict[str, float]:
    """Seconds for the best controls under 100 ms and 40 units of effort, of 500 placements, stopped after 30 s.

    `gap` is how much less risk a better plan could leave at most, 0 where it is proven best.
    """
    from threatkit import plan

    plan(synthetic(10), 100, 40)
    start = time.perf_counter()
    best = plan(system, 100, 40, most=500, time_limit=30)
    figures = {"plan": time.perf_counter() - start, "gap": best.gap}
    assert best.exact
    return figures


def main() -> None:
    """Run all sizes in processes of their own and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 500, 1000, 5000, 50000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    rows = {}
    for size in args.sizes:
        command = [sys.executable, "-m", "benchmarks.speed", "--one", str(size)]
        done = [subprocess.run(command, stdout=subprocess.PIPE, check=True) for _ in range(args.runs)]
        runs = [json.loads(process.stdout) for process in done]
        rows[size] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'n':>7} {'file MB':>8} {'load s':>8} {'graph s':>8} {'analyse s':>9} {'ratio':>6} {'findings':>8}", end="")
    print(f" {'ask s':>7} {'questions':>9} {'paths s':>8} {'chokes s':>8} {'designs s':>9}", end="")
    print(f" {'plan s':>7} {'gap':>4} {'peak MB':>8}")
    for size, row in rows.items():
        print(f"{size:>7} {row['file_mb']:>8.2f} {row['load']:>8.3f} {row['graph']:>8.3f}", end="")
        print(f" {row['analyse']:>9.3f}", end="")
        print(f" {row['analyse'] / row['graph']:>6.2f} {row['findings']:>8.0f} {row['ask']:>7.3f}", end="")
        print(f" {row['questions']:>9.0f} {row['paths']:>8.3f} {row['chokes']:>8.3f}", end="")
        print(f" {row['designs']:>9.3f} {row['plan']:>7.2f} {row['gap']:>4.0f} {row['peak_mb']:>8.0f}")
    sizes = sorted(rows)
    for small, large in zip(sizes, sizes[1:], strict=False):
        growth = math.log(rows[large]["analyse"] / rows[small]["analyse"]) / math.log(large / small)
        print(f"growth of the analysis from {small} to {large}: exponent {growth:.2f}")


if __name__ == "__main__":
    main()
