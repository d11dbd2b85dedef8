"""Editing a System by hand: edits with undo, saved at once, in step with the Python object and with the file.

    editing = Editing(path="support.yaml")
    editing.do({"do": "add", "part": "element", "set": {"kind": "agent", "name": "Assistant"}})
    editing.do({"do": "undo"})

No widget and no browser: `threatkit.widgets.editor` puts it on a canvas. A bad edit raises and changes nothing. What
somebody else wrote into the file meanwhile is never overwritten: `saved.status` is then "conflict", edits go on in
memory, and the person chooses between the two versions.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threatkit import modelfile
from threatkit.analysis import analyze
from threatkit.errors import ModelError, NotFoundError, SaveConflictError, ThreatkitError, shown
from threatkit.model import System
from threatkit.widgets.canvas_state import drawn, found
from threatkit.widgets.edits import apply_edit, check_size
from threatkit.widgets.positions import Point, centres, complete, layout_path, read_layout, write_layout

MOST_STEPS = 500  # that can be undone
_TABLES = ("_data", "_boundaries", "_elements", "_flows")
NEW = "New model"


@dataclass(frozen=True)
class Saved:
    """Where the work is: `status` is saved, memory, conflict or error; `message` says it in a sentence."""

    status: str
    path: str | None
    message: str


@dataclass(frozen=True)
class _Version:
    """The system and its picture at one moment; nobody changes them."""

    system: System
    positions: Mapping[str, Point]


class Editing:
    """One model that is being edited. `system` is the same object throughout, also after undo.

    `path` without a system is loaded, or becomes a new model with the first edit. `system` without a path is saved to
    the file that it came from; without one it lives in memory. A file at `path` that says something else than `system`
    is left alone: that is a conflict, and the person chooses. `later` is called with a function when the system was
    changed in Python, and has to call it soon; without it changes are taken in at once.

    Raises ModelError with all faults of the file, NotFoundError where there is no such folder.
    """

    def __init__(
        self,
        system: System | None = None,
        path: str | os.PathLike | None = None,
        *,
        later: Callable[[Callable[[], None]], None] | None = None,
    ):
        if system is not None and not isinstance(system, System):
            raise ModelError(f"expected a System, found {shown(repr(system))}; use threatkit.load(path) first")
        if path is None and system is not None and system.source is not None:
            path = system.source.path
        self.path = None if path is None else Path(path).absolute()
        if self.path is not None and not self.path.parent.is_dir():
            raise NotFoundError(f"there is no folder {shown(str(self.path.parent), 200)} to save the model in")
        fresh = system is None
        if system is None:
            there = self.path is not None and (self.path.exists() or self.path.is_symlink())
            system = modelfile.load(self.path) if there else System(self.path.stem if self.path else NEW)
        self.system = system
        self.revision = 0
        self.saved = Saved("memory", None, "")
        self._later, self._busy, self._closed = later, False, False
        self._lock = threading.RLock()
        self._undo: list[tuple[_Version, str]] = []
        self._redo: list[tuple[_Version, str]] = []
        self._found: tuple[_Version | None, dict[str, Any]] = (None, {})
        self._layout = read_layout(layout_path(self.path)) if self.path else {}  # as it is in its file
        self._now = _Version(system.copy(), complete(system, self._layout))
        self._open(fresh)
        system._watch(self._noticed)

    def _open(self, fresh: bool) -> None:
        """Take the file that is there, if it says the same; make one for a system that has none."""
        if fresh and self.path is not None and not self.path.exists():
            said = f"New model: the first change makes the file {self.path.name}."
            self.saved = Saved("memory", str(self.path), said)
            return
        if self.path is not None and self.path.exists():
            with suppress(ThreatkitError):
                there = modelfile.load(self.path)
                if there == self.system:
                    self.system.source = there.source
        self._save(layout=False)

    # -- editing ----------------------------------------------------------------------------------

    def do(self, edit: dict[str, Any]) -> list[str]:
        """Make one edit, as the editor's messages describe it, and save. Returns the ids that it touched.

        Raises ModelError or NotFoundError for an edit that cannot be made; then nothing has changed.
        """
        with self._lock:
            check_size(edit)
            self.follow()
            do = edit.get("do")
            if do in ("undo", "redo"):
                self._step(do)
                return []
            if do == "resolve":
                self._resolve(edit.get("keep"))
                return []
            if do == "refresh":
                self._save()
                return []
            twin, positions = self._now.system.copy(), dict(self._now.positions)
            ids, says, given = apply_edit(twin, positions, edit)
            self._commit(twin, positions, says, given)
            return ids

    def handle(self, message: Any) -> dict[str, Any]:
        """The reply to a message of the browser; whatever goes wrong is told in it, in one line."""
        seq = message.get("seq") if isinstance(message, dict) else None
        try:
            if not isinstance(message, dict) or "edit" not in message:
                raise ModelError(f"expected a message with an edit, found {shown(message)}")
            ids = self.do(message["edit"])
        except ThreatkitError as error:
            return {"seq": seq, "ok": False, "error": _one_line(error)}
        except Exception as error:  # a fault of ours must not end the person's work
            said = f"this could not be done, nothing has changed ({type(error).__name__}: {_one_line(error)})"
            return {"seq": seq, "ok": False, "error": said}
        return {"seq": seq, "ok": True, "ids": ids, "status": self.saved.status}

    def follow(self) -> bool:
        """Take in what was changed in Python since the last edit: into the undo list, and into the file."""
        with self._lock:
            if self._closed or _same(self.system, self._now.system):
                return False
            twin = self.system.copy()
            self._commit(twin, dict(self._now.positions), "change in Python", set())
            return True

    def close(self) -> None:
        """Stop following the system."""
        self._closed = True

    def _noticed(self) -> None:
        if self._busy or self._closed:
            return
        if self._later is None:
            self.follow()
        else:
            self._later(self.follow)

    def _commit(self, twin: System, positions: dict[str, Point], says: str, given: set[str]) -> None:
        before = self._now
        for id, element in twin._elements.items():  # what went elsewhere without a place gets one there
            old = before.system._elements.get(id)
            moved = old is not None and old.boundary != element.boundary and id not in given
            if moved and (old.boundary is None or old.boundary in twin._boundaries):
                positions.pop(id, None)
        positions = complete(twin, positions, centres(before.system, before.positions))
        if _same(twin, before.system) and positions == before.positions and _same(self.system, twin):
            self._save()
            return
        self._undo = [*self._undo[1 - MOST_STEPS :], (before, says)]
        self._redo = []
        self._install(_Version(twin, positions))

    def _install(self, version: _Version) -> None:
        self._busy = True
        try:
            if not _same(self.system, version.system):
                self.system._become(version.system)
        finally:
            self._busy = False
        self._now = version
        self.revision += 1
        self._save()

    def _step(self, do: str) -> None:
        source, target = (self._undo, self._redo) if do == "undo" else (self._redo, self._undo)
        if not source:
            raise ModelError(f"there is nothing to {do}")
        version, says = source.pop()
        target.append((self._now, says))
        self._install(version)

    # -- saving -----------------------------------------------------------------------------------

    def _save(self, *, layout: bool = True, overwrite: bool = False) -> None:
        """Write the model, then the layout; what comes of it is in `saved`, never raised."""
        before = self.saved
        if self.path is None:
            self.saved = Saved(
                "memory", None, "Not in a file: it is lost when the kernel stops. Give a path to keep it."
            )
            return
        path = str(self.path)
        try:
            modelfile.save(self.system, self.path, overwrite=overwrite)
            if layout and dict(self._now.positions) != self._layout:
                write_layout(layout_path(self.path), self._now.positions)
                self._layout = dict(self._now.positions)
            self.saved = Saved("saved", path, f"Saved in {self.path.name}.")
        except SaveConflictError:
            why = "has changed on disk" if before.status == "saved" else "exists and says something else"
            said = f"{self.path.name} {why}; nothing was written. Keep your version, or take the one in the file?"
            self.saved = before if before.status == "conflict" else Saved("conflict", path, said)
        except (ModelError, OSError) as error:
            self.saved = Saved("error", path, f"Not saved: {_one_line(error)}")
        if self.saved != before:
            self.revision += 1

    def _resolve(self, keep: Any) -> None:
        if keep not in ("mine", "theirs"):
            raise ModelError(f"keep: expected mine or theirs, found {shown(keep)}")
        if self.saved.status != "conflict" or self.path is None:
            raise ModelError("there is no conflict to resolve")
        if keep == "theirs":
            loaded = modelfile.load(self.path)
            self.system.source = loaded.source
            self._commit(loaded, {**self._now.positions, **read_layout(layout_path(self.path))}, "take the file", set())
            return
        kept = self._keep_theirs()
        self._save(overwrite=True)
        if self.saved.status == "saved":
            said = f"{self.saved.message} The other version is kept in {kept.name}."
            self.saved = Saved("saved", str(self.path), said)

    def _keep_theirs(self) -> Path:
        """A copy of the file that is about to be overwritten; unlike NAME.bak no later save replaces it."""
        content, number = self.path.read_bytes(), 1
        kept = self.path.with_name(f"{self.path.name}.theirs.bak")
        while kept.exists() and kept.read_bytes() != content:
            number += 1
            kept = self.path.with_name(f"{self.path.name}.theirs-{number}.bak")
        modelfile.write_atomically(kept, content)
        return kept

    # -- telling ----------------------------------------------------------------------------------

    @property
    def positions(self) -> dict[str, Point]:
        """Where everything stands, in pixels, y downwards: by element, or `boundary:ID` for an empty boundary."""
        return dict(self._now.positions)

    def state(self) -> dict[str, Any]:
        """All that the canvas shows, as plain values; findings and questions are those of the system as it is now."""
        with self._lock:
            self.follow()
            if self._found[0] is not self._now:
                self._found = (self._now, self._look())
            saved = self.saved
            return {
                "revision": self.revision,
                **drawn(self.system, self._now.positions),
                **self._found[1],
                "saved": {"status": saved.status, "path": saved.path, "message": saved.message},
                "can_undo": bool(self._undo),
                "can_redo": bool(self._redo),
                "undo_says": self._undo[-1][1] if self._undo else "",
                "redo_says": self._redo[-1][1] if self._redo else "",
            }

    def _look(self) -> dict[str, Any]:
        try:
            return {**found(analyze(self.system)), "trouble": ""}
        except Exception as error:  # a fault of ours, or of a catalogue: drawing goes on without findings
            said = f"The findings cannot be shown: {type(error).__name__}: {_one_line(error)}"
            return {"findings": [], "more_findings": 0, "questions": [], "more_questions": 0, "trouble": said}


@contextmanager
def tidying_later() -> Iterator[None]:
    """Answer first: within this no garbage is collected, which would now and then take as long as the edit itself."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _same(one: System, other: System) -> bool:
    """Whether two systems have the same parts in the same order; parts are mostly shared, so this is quick."""
    if (one.name, one.description) != (other.name, other.description):
        return False
    tables = all([*getattr(one, table).items()] == [*getattr(other, table).items()] for table in _TABLES)
    return tables and one.assumptions == other.assumptions


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).replace("\n", "; ").split())[:500]
