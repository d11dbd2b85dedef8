"""The clock of a walk, and its ears: an anywidget that counts in the browser, so that the kernel never waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets


class Clock(anywidget.AnyWidget):
    """How long the group is at one place. `spent`: seconds before `since`, the start of the current run, 0 if paused.

    Python only writes down when the clock was started; the browser counts and shows. It also hears the keys of the
    walk and gives its parts their names for screen readers: see walk.js.
    """

    _esm = Path(__file__).with_name("walk.js")
    _css = Path(__file__).with_name("walk.css")
    label = traitlets.Unicode().tag(sync=True)
    minutes = traitlets.Int(5).tag(sync=True)
    spent = traitlets.Float(0.0).tag(sync=True)
    since = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, label: str, now: Callable[[], float] = time.time):
        super().__init__(label=label)
        self._now = now

    @property
    def running(self) -> bool:
        """Whether the clock counts."""
        return self.since > 0

    @property
    def seconds(self) -> float:
        """How long the group is at this place, without pauses."""
        return self.spent + (max(0.0, self._now() - self.since) if self.running else 0.0)

    @property
    def over(self) -> bool:
        """Whether the time for this place is over."""
        return self.seconds >= self.minutes * 60

    def start(self) -> None:
        """Count from here on."""
        if not self.running:
            self.since = self._now()

    def pause(self) -> None:
        """Stop counting; `start` goes on from there."""
        with self.hold_sync():
            self.spent, self.since = self.seconds, 0.0

    def reset(self) -> None:
        """Count from zero again; a clock that was running goes on running."""
        running = self.running
        with self.hold_sync():
            self.spent, self.since = 0.0, self._now() if running else 0.0
