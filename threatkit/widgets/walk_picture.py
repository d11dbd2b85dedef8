"""The pictures of a walk: drawn beside the kernel's own work when they are first looked at, and then kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from threatkit.errors import ThreatkitError
from threatkit.widgets import walk_page as page

if TYPE_CHECKING:
    from threatkit.analysis import Analysis

_KEPT = 60  # pictures; each is some hundred kilobytes of HTML
_WAIT = '<p class="tk-small">The picture is being drawn …</p>'


class Pictures:
    """The data flow diagram with a finding's path or one place lit, as HTML. `ready` is told when one is there.

    Nothing is drawn before `wanted` is true: a walk that nobody looks at needs no pictures.
    """

    def __init__(self, analysis: Analysis, ready: Callable[[Any], Any]):
        self.wanted = False
        self._analysis, self._ready = analysis, ready
        self._made: dict[Any, str] = {}
        self._next: Any = None
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    @staticmethod
    def key(finding: Any, place: str) -> Any:
        """What tells one picture from another."""
        return (finding.id if finding is not None and getattr(finding, "path", None) is not None else None, place)

    def of(self, finding: Any, place: str) -> str:
        """The picture as HTML, or a word that it is being drawn."""
        key = self.key(finding, place)
        if key in self._made:
            return self._made[key]
        if not self.wanted:
            return ""
        with self._lock:
            self._next = (key, finding if key[0] else None, place)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="walk-picture")
        self._pool.submit(self._draw, _loop())
        return _WAIT

    def close(self) -> None:
        """Wait for what is being drawn."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _draw(self, loop: asyncio.AbstractEventLoop | None) -> None:
        with self._lock:  # only the latest wish: whoever walks on does not wait for what was left behind
            wish, self._next = self._next, None
        if wish is None:
            return
        key, finding, place = wish
        self._made[key] = self._picture(finding, place)
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]
        if loop is not None and loop.is_running():
            loop.call_soon_threadsafe(self._ready, key)
        else:
            self._ready(key)

    def _picture(self, finding: Any, place: str) -> str:
        from threatkit.draw import draw

        inside = None
        try:
            if len(self._analysis.system.elements) > 60:
                inside = self._around(place)
            if finding is not None:
                return page.image(draw(self._analysis, show="finding", finding=finding, boundary=inside))
            return page.image(draw(self._analysis, highlight=[place], boundary=inside))
        except ThreatkitError as error:
            return f"<p>There is no picture: {page.safe(error)}</p>"

    def _around(self, place: str) -> str | None:
        """The boundary to draw where the whole would be too small to read."""
        part = self._analysis.system[place]
        return getattr(part, "boundary", None) or getattr(
            self._analysis.system.elements.get(getattr(part, "target", "")), "boundary", None
        )


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
