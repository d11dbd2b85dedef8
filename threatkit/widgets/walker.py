"""The STRIDE walk as a widget: `walk(system, "support.yaml")` in a notebook. The facts come from threatkit.walking.

Everything that is confirmed is in the decisions file before "Saved" is shown; half-filled forms are in a draft file
beside it. Widgets are made once and filled again at each place, so that the one with the focus stays.
"""

from __future__ import annotations

import html
import os
from typing import TYPE_CHECKING, Any

from threatkit.decisions import Decisions, Status
from threatkit.walking import WORDS, Cell, Walk
from threatkit.widgets import walk_page as page
from threatkit.widgets.drafts import Drafts
from threatkit.widgets.fallback import Still, WithStill, still, table
from threatkit.widgets.walk_entries import WalkEntries
from threatkit.widgets.walk_forms import show
from threatkit.widgets.walk_parts import choose, put
from threatkit.widgets.walk_picture import Pictures

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.model import System


def walk(system: System | Analysis, path: str | os.PathLike | None = None) -> WalkWidget:
    """Walk through a system with STRIDE, place by place, the most exposed first; decisions go to the file beside it.

    `path` is the model file or its decisions file; by default the file that the system was loaded from. Without one
    nothing is saved, and the walk says so. A walk goes on where it was left, and over a finished file it is a review.
    Raises ModelError where the decisions file cannot be read, or the system has nothing to walk to.
    """
    model = system.system if hasattr(system, "system") else system
    source = getattr(model, "source", None)
    path = path if path is not None else getattr(source, "path", None)
    return WalkWidget(system, Decisions() if path is None else Decisions.load(path))


class WalkWidget(WithStill, WalkEntries):
    """The walk on the screen. `tour` is the walk behind it, `place` and `letter` say which cell is shown."""

    def __init__(self, about: System | Analysis, decisions: Decisions):
        self.tour = Walk(about, decisions)
        self.drafts = Drafts(decisions.path)
        self.pictures = Pictures(self.tour.analysis, self._drawn)
        self.place, self.letter = self.tour.position
        self._filling = False
        self._unsaved: set[str] = set()
        super().__init__()
        self.add_class("tk-walk")
        self._build()
        self._connect()
        self._show_place()
        done = self.tour.progress()
        if decisions.decisions and done.done == done.total:
            self.panel.value = "review"
        self._welcome(decisions)

    def _connect(self) -> None:
        self.letters.observe(self._chosen(lambda letter: self.go(self.place, letter)), "value")
        self.jump.observe(self._chosen(lambda place: self.go(place) if place else None), "value")
        self.panel.observe(lambda _: self._show_panel(), "value")
        self.listed.observe(self._chosen(lambda _: self._show_threat()), "value")
        self.looked.observe(self._chosen(self.look), "value")
        self.note.observe(self._chosen(self.write_note), "value")
        self.own.which.observe(self._chosen(lambda _: self._show_own()), "value")
        self.minutes.observe(lambda change: setattr(self.clock, "minutes", change["new"]), "value")
        self.clock.on_msg(lambda _, said, __: self.heard(said))

    # -- the way ----------------------------------------------------------------------------------

    def go(self, place: str, letter: str | None = None, finding: str = "") -> None:
        """Go to a place and letter; without a letter to the first cell there that is not done."""
        moved = place != self.place
        self.place, self.letter = place, letter or self.tour.first_open(place) or self.tour.letters(place)[0]
        self._attempt(lambda: self.tour.go(self.place, self.letter), "")
        if moved:
            self.clock.reset()
            self._show_place()
        else:
            self._show_cell()
        with self._fill():
            self.letters.value = self.letter
        if finding in [value for _, value in self.listed.options]:
            self.listed.value = finding
        if self.panel.value in ("coverage", "review"):
            self._show_panel()

    def next(self) -> None:
        """The place after this one."""
        self._beside(1, "This is the last place.")

    def previous(self) -> None:
        """The place before this one."""
        self._beside(-1, "This is the first place.")

    def next_open(self) -> None:
        """The next cell that is not done yet."""
        there = self.tour.next_open(self.place, self.letter)
        if there is None:
            self.say("Every cell is looked at or decided.")
        else:
            self.go(*there)

    def _beside(self, step: int, end: str) -> None:
        there = self.tour.beside(self.place, step)
        if there == self.place:
            self.say(end)
        else:
            self.go(there)

    # -- showing ----------------------------------------------------------------------------------

    def _show_place(self) -> None:
        with self._fill():
            self.jump.value = self.place
        self._show_cell()
        self.heading.value = page.heading(self.tour, self.place)  # last: who sees it sees its cell

    def _show_cell(self) -> None:
        """Fill everything that depends on the cell; called after each change of what is decided, too."""
        tour, states = self.tour, self.tour.coverage()
        cell = self.cell
        progress = tour.progress(states)
        with self._fill():
            options = [(self._row(row), row.finding.id) for row in cell.rows] or [("nothing was found here", "")]
            choose(self.listed, options, self.listed.value)
            self.listed.rows = min(max(len(options), 2), 5)
            self.looked.value = cell.looked
            self.note.value = self.drafts.get(self._note_key).get("text", cell.note)
            ours = [(page.plain(threat.title), threat.id) for threat in self._ours()]
            choose(self.own.which, [("A new one", ""), *ours], self.own.which.value)
        put(self.bar, progress.share)
        put(self.sign, f"<b>{progress.done} of {progress.total}</b> done")
        put(self.questions, page.questions(cell))
        self._show_threat()
        self._show_own()
        self._show_panel()
        with self._fill():
            choose(self.letters, self._letter_options(states[self.place]), self.letter)

    def _letter_options(self, cells: dict[str, str]) -> list[tuple[str, str]]:
        return [
            (f"{letter} {WORDS[letter].replace('_', ' ')} {page.SIGNS[state]}", letter)
            for letter, state in cells.items()
        ]

    def _row(self, row: Status) -> str:
        draft = " · draft, not saved" if row.finding.id in self.drafts else ""
        ours = "" if hasattr(row.finding, "explanation") else "own: "
        risk = f"{row.finding.risk.score} {row.finding.risk.level}"
        return f"{risk} · {row.state}{draft} · {ours}{page.plain(row.finding.title, 90)}"

    def _show_threat(self) -> None:
        row = self.row
        show(self.form.box, row is not None)
        show(self.carry, row is not None and row.state == "carried over")
        if row is None:
            put(self.sources, "")
            put(self.evidence, "<p>No rule of the kit found anything here. The question on the right is for you.</p>")
        else:
            said = page.evidence(self.tour, row)
            if row.decision is not None:
                said += f"<p><b>Decision ({html.escape(row.state)}):</b> {page.safe(page.decided(row.decision))}</p>"
            put(self.evidence, said)
            put(self.sources, page.sources(row))
            decision = row.decision if row.state != "carried over" else None
            self.form.fill(decision, self.drafts.get(row.finding.id), getattr(row.finding, "controls", ()))
        self._show_picture()

    def _show_picture(self) -> None:
        row = self.row
        shown = self.pictures.of(row.finding if row else None, self.place)
        put(self.large if self.panel.value == "picture" else self.picture, shown)

    def _show_own(self) -> None:
        threat = self.tour.decisions.own.get(self.own.which.value)
        self.own.fill(threat, self.drafts.get(self._own_key), WORDS[self.letter])

    def _show_panel(self) -> None:
        chosen = self.panel.value
        show(self._here, chosen == "here")
        for name, widget in self._others.items():
            show(widget, name == chosen)
        self._show_picture()
        if chosen == "coverage":
            put(self.matrix, page.coverage(self.tour, self.tour.coverage(), (self.place, self.letter)))
        if chosen == "review":
            put(self.reviewed, page.review(self.tour))

    def _drawn(self, key: Any) -> None:
        row = self.row
        if key == self.pictures.key(row.finding if row else None, self.place):
            self._show_picture()

    def say(self, text: str) -> None:
        """Say something in the line at the bottom, as plain text."""
        self.status.value = html.escape(text)

    def _welcome(self, decisions: Decisions) -> None:
        if decisions.path is None:
            self.say("Nothing is saved: give walk() the path of a model file to keep what you decide.")
        elif decisions.walk.at is not None:
            self.say(f"Goes on where it was left. Everything is kept in {decisions.path.name}.")
        else:
            self.say(f"Everything that you decide is kept in {decisions.path.name}.")

    # -- what is shown now ------------------------------------------------------------------------

    @property
    def cell(self) -> Cell:
        """The cell that is shown."""
        return self.tour.cell(self.place, self.letter)

    @property
    def row(self) -> Status | None:
        """The threat that is chosen, with its decision; None where the cell has none."""
        return next((row for row in self.cell.rows if row.finding.id == self.listed.value), None)

    @property
    def _note_key(self) -> str:
        return f"note:{self.place}:{self.letter}"

    @property
    def _own_key(self) -> str:
        return f"own:{self.own.which.value or self.place}"

    def _ours(self) -> list[Any]:
        return [threat for threat in self.tour.decisions.own.values() if self.place in threat.places]

    # -- clock, keys, stills ----------------------------------------------------------------------

    def toggle_clock(self) -> None:
        """Start the clock for this place, or pause it."""
        if self.clock.running:
            self.clock.pause()
        else:
            self.clock.start()
        self.run.description = "Pause clock" if self.clock.running else "Start clock"

    def heard(self, said: Any) -> None:
        """A key or a jump that the browser tells of."""
        keys = {"next": self.next, "previous": self.previous, "open": self.next_open, "undo": self.undo}
        keys["save"] = self.save_own if self.panel.value == "own" else self.save_decision
        if not isinstance(said, dict):
            return
        if said.get("key") in keys:
            keys[said["key"]]()
        place, letter = [*said.get("go", ()), "", ""][:2]
        if place in self.tour.places:
            letter = letter if letter in self.tour.letters(place) else None
            self.panel.value = "here"
            self.go(place, letter, str(said.get("finding", "")))
            self.clock.send({"focus": ".tk-heading [tabindex]"})

    def still(self) -> Still:
        """The coverage matrix and the decisions so far, for pages where nothing runs."""
        return still(table(*page.static_coverage(self.tour)), table(*page.static_review(self.tour)))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        self.pictures.wanted = True
        self._show_threat()
        return super()._repr_mimebundle_(**options)
