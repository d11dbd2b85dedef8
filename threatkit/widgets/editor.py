"""The data flow diagram on a canvas: draw, connect, re-parent, with findings and questions beside it.

    app = threatkit.load("support.yaml")
    threatkit.edit(app)                       # each change is in `app` and in the file at once
    app.element("cache", "datastore")         # and a change in a cell is on the canvas

The canvas is one ES module in static/; all that counts happens in `threatkit.widgets.editing`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from threatkit.errors import LayoutError, ModelError, NotFoundError, shown
from threatkit.model import System
from threatkit.widgets.canvas_state import vocabulary_words
from threatkit.widgets.editing import Editing, tidying_later
from threatkit.widgets.fallback import Still, WithStill, still, table

_STATIC = Path(__file__).with_name("static")


def edit(system: System | str | os.PathLike | None = None, path: str | os.PathLike | None = None) -> Editor:
    """Draw a data flow diagram by hand: an editor for a notebook, in step with the system and its file.

    `edit(app)` edits a System and saves it to the file that it came from; `edit(app, "model.yaml")` saves it there;
    `edit("model.yaml")` loads the file or starts a new model; `edit()` starts one in memory. Every edit is saved at
    once, comments in the file stay, and `system` of the result is the System, always as it is on the canvas. A file
    that says something else than the system, or that changes meanwhile, is left alone until the person chooses.

    Raises ModelError with all faults of a file that is no model, NotFoundError where there is no such folder.
    """
    if isinstance(system, str | os.PathLike):
        if path is not None:
            raise ModelError("edit takes a System and a path, or one path")
        system, path = None, system
    return Editor(system, path)


class Editor(WithStill, anywidget.AnyWidget):
    """The editor on the screen; `edit` makes one. `editing` is what it does, `system` what it is about."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, system: System | None = None, path: str | os.PathLike | None = None):
        program, style = bundle()
        self._waiting = False
        self.editing = Editing(system, path, later=self._later)
        shown_first = self.editing.state()
        super().__init__(_esm=program, _css=style, words=vocabulary_words(), state=shown_first)
        self.on_msg(self._answer)

    @property
    def system(self) -> System:
        """The System that is edited; the same object all the time."""
        return self.editing.system

    def still(self) -> Still:
        """The picture of the system as it is now; a table of its parts where no picture can be made."""
        from threatkit.draw import draw

        try:
            return still(draw(self.system))
        except LayoutError:
            rows = [(e.label, e.kind, e.boundary or "") for e in self.system.elements.values()]
            flows = [(f.label, f.source, f.target) for f in self.system.flows.values()]
            return still(
                table(f"Elements of {self.system.name}", ("element", "kind", "boundary"), rows),
                table(f"Flows of {self.system.name}", ("flow", "from", "to"), flows),
            )

    def close(self) -> None:
        """Take the editor from the screen; the system is no longer followed, and the file stays as it is."""
        self.editing.close()
        super().close()

    def __repr__(self) -> str:
        return f"<Editor of {self.system!r}: {self.editing.saved.status}>"

    def _answer(self, _: Any, message: Any, buffers: Any) -> None:
        """One message of the browser: the state goes out first, then the reply; tidying of memory waits until then."""
        with tidying_later():
            reply = self.editing.handle(message)
            self._show()
            self.send(reply)

    def _show(self) -> None:
        state = self.editing.state()
        if state["revision"] != self.state.get("revision"):
            self.state = state

    def _later(self, follow: Callable[[], Any]) -> None:
        """Changes in Python are taken in together, when the cell is done."""
        if not self._waiting:
            self._waiting = True
            _soon(weakref.WeakMethod(self._take_in))

    def _take_in(self) -> None:
        self._waiting = False
        if self.comm is not None:
            self._show()


def _soon(method: weakref.WeakMethod) -> None:
    """Call a method when the event loop is free or the cell is done; at once where there is neither."""

    def run(*_: Any) -> None:
        if shell is not None:
            shell.events.unregister("post_run_cell", run)
        alive = method()
        if alive is not None:
            alive()

    shell = None
    try:
        asyncio.get_running_loop().call_soon(run)
    except RuntimeError:
        python = sys.modules.get("IPython")
        shell = python.get_ipython() if python else None
        if shell is None:
            run()
        else:
            shell.events.register("post_run_cell", run)


def bundle() -> tuple[str, str]:
    """The program and the style sheet of the canvas. Raises NotFoundError where they were not built."""
    program, style = _STATIC / "editor.js", _STATIC / "editor.css"
    try:
        return program.read_text(encoding="utf-8"), style.read_text(encoding="utf-8") if style.exists() else ""
    except OSError as error:
        said = f"the editor's program {shown(str(program), 200)} cannot be read ({error.strerror})"
        raise NotFoundError(f"{said}; in a checkout build it with: node threatkit/widgets/src/build.mjs") from None
