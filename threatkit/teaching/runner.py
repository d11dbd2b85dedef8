"""Run the cells of one handed-in notebook and write down what `answer` was. This runs inside the sandbox.

Reads {"cells": [source, ...], "seconds": per cell} from stdin and writes one JSON line for each exercise to the file
descriptor in argv. The code that runs here is a stranger's and can do what it likes to this process: what it writes is
only ever taken as an answer. Nothing here knows what is right.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import sys
from typing import Any

LONGEST = 20_000  # characters of one answer


def main() -> None:
    """Run the cells that come in as JSON, and write what the answers hold as JSON to a file descriptor."""
    work, out = json.load(sys.stdin), int(sys.argv[1])
    space = _shell()
    signal.signal(signal.SIGALRM, _stop)
    for source in work["cells"]:
        ids, error = exercise_ids(source), ""
        signal.setitimer(signal.ITIMER_REAL, work["seconds"])
        try:
            result = space.run_cell(source, store_history=False)
            failed = result.error_before_exec or result.error_in_exec
            error = f"{type(failed).__name__}: {failed}"[:200] if failed else ""
        except BaseException as failed:
            error = type(failed).__name__
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for id in ids:
            line = json.dumps({"id": id, "answer": plain(space.user_ns.get("answer")), "error": error}) + "\n"
            os.write(out, line.encode())
        if ids:
            space.user_ns.pop("answer", None)  # or a cell that fails would answer with the one before


def exercise_ids(source: str) -> list[str]:
    """The exercises that a cell calls `check` for.

    >>> exercise_ids('answer = 5\\ncheck("00.1", answer)')
    ['00.1']
    """
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return [
            node.args[0].value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) == "check"
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ]
    return []


def plain(answer: Any) -> Any:
    """An answer as JSON: text, number, truth value, or {"set": [texts]}; anything else is {"other": its type}."""
    if answer is ... or answer is None:
        return None
    if type(answer) in (bool, str, int, float):
        return answer if len(str(answer)) <= LONGEST else {"other": "too long"}
    if type(answer).__module__ == "numpy" and getattr(answer, "shape", None) == ():
        return plain(answer.item())
    if isinstance(answer, set | frozenset | list | tuple) and all(isinstance(one, str) for one in answer):
        words = [str(one) for one in answer]
        return {"set": words} if sum(map(len, words)) <= LONGEST else {"other": "too long"}
    return {"other": type(answer).__name__[:60]}


def _stop(*_: object) -> None:
    raise TimeoutError("this cell took too long")


def _shell() -> Any:
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False
    return InteractiveShell.instance()


if __name__ == "__main__":
    main()
