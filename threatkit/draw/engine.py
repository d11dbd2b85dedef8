"""The layout engines: Graphviz and ELK, JavaScript that runs in an embedded V8, without a browser or Node.

They are loaded on first use, once in a process, on a thread of their own: V8 is entered by one thread only, and
a notebook's event loop is not disturbed.
"""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from threatkit.errors import LayoutError

_SOURCES = Path(__file__).with_name("engines")
_TIMEOUT = 20.0  # seconds for one layout

# What the sources expect of a browser; everything we send and receive is ASCII.
_START_DOT = """
var self = globalThis, location = {href: 'about:blank'};
globalThis.TextDecoder = class { decode(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
} };
globalThis.crypto = { getRandomValues(array) { return array.fill(7); } };  // the same picture every time
globalThis.TextEncoder = class { encode(text) { return Uint8Array.from(text, c => c.charCodeAt(0)); } };
"""
_READY_DOT = "Viz.instance().then(found => { globalThis.viz = found; return 'ready'; })"
_RUN_DOT = "JSON.stringify(viz.renderJSON(%s, {engine: 'dot'}))"

_START_ELK = """
var self = globalThis, window = globalThis, answer = null;
globalThis.postMessage = message => { answer = message; };
"""
_READY_ELK = "self.onmessage({data: {id: 0, cmd: 'register', algorithms: ['layered']}}); 'ready'"
_RUN_ELK = """
answer = null;
self.onmessage({data: {id: 1, cmd: 'layout', graph: %s, layoutOptions: {}, options: {}}});
JSON.stringify(answer)
"""


class _Engine:
    """One V8 with one engine in it."""

    def __init__(self, file: str, start: str, ready: str, run: str):
        self.file, self.start, self.ready, self.run = file, start, ready, run
        self._lock = threading.Lock()
        self._context: Any = None
        self._thread: ThreadPoolExecutor | None = None
        self._process = 0

    def __call__(self, graph: dict) -> dict:
        text = json.dumps(graph)
        with self._lock:
            if self._thread is None or self._process != os.getpid():  # a forked child starts afresh
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="threatkit-layout")
                self._context, self._process = None, os.getpid()
            return json.loads(self._thread.submit(self._answer, text).result() or "null")

    def _answer(self, text: str) -> str:
        from py_mini_racer import JSEvalException, JSPromise, JSPromiseError, JSTimeoutException, MiniRacer

        try:
            if self._context is None:
                context = MiniRacer()
                source = (_SOURCES / self.file).read_text(encoding="utf-8")
                context.eval(self.start + source)
                answer = context.eval(self.ready)
                if isinstance(answer, JSPromise):
                    answer.get(timeout=_TIMEOUT)
                self._context = context
            return self._context.eval(self.run % text, timeout_sec=_TIMEOUT)
        except JSTimeoutException:
            self._context = None
            raise LayoutError(f"the layout engine gave no answer within {_TIMEOUT:.0f} s") from None
        except (JSEvalException, JSPromiseError) as error:
            self._context = None
            raise LayoutError(f"the layout engine failed: {str(error)[:200]}") from None


_dot = _Engine("viz-global.js", _START_DOT, _READY_DOT, _RUN_DOT)
_elk = _Engine("elk-worker.min.js", _START_ELK, _READY_ELK, _RUN_ELK)


def run_dot(graph: dict) -> dict:
    """Lay out a graph in viz.js' JSON form with dot; the answer is Graphviz's json. Raises LayoutError."""
    return _dot(graph)


def run_elk(graph: dict) -> dict:
    """Lay out a graph in ELK's JSON form; the answer is the same graph with coordinates. Raises LayoutError."""
    answer = _elk(graph)
    if not answer or "data" not in answer:
        said = (answer or {}).get("error") or "no answer"
        raise LayoutError(f"the layout engine failed: {str(said)[:200]}")
    return answer["data"]
