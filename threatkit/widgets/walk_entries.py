"""What the group says on a walk, and how it is kept: decisions, own threats, notes, marks, drafts and conflicts."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from threatkit.decisions import Decisions
from threatkit.errors import SaveConflictError, ThreatkitError
from threatkit.treatments import file_form
from threatkit.widgets import walk_page as page
from threatkit.widgets.drafts import Drafts, Entry
from threatkit.widgets.walk_forms import show
from threatkit.widgets.walk_parts import WalkParts


class WalkEntries(WalkParts):
    """What is entered on a walk. "Saved" is said only after the file was written."""

    drafts: Drafts
    place: str
    letter: str
    _unsaved: set[str]  # drafts of what is decided, but not in the file yet

    def save_decision(self) -> None:
        """Save what stands in the form as the decision about the chosen threat, or say what is missing."""
        row, missing = self.row, self.form.missing()
        if row is None or missing:
            self.form.say(missing)
            return
        entry, id = self.form.entry(), row.finding.id
        kept = {}
        if row.decision is not None and row.state != "carried over":
            kept = {key: file_form(row.decision).get(key) for key in ("decided_by", "likelihood", "impact", "reason")}
        if self.tour.decisions.own.get(id):
            kept = {}
            entry.setdefault("note", None)
        today = datetime.date.today().isoformat()
        fields = {key: value for key, value in (kept | entry).items() if key != "action"} | {"date": today}

        def decide() -> None:
            self.tour.decisions.decide(row.finding, entry["action"], **fields)

        self._attempt(decide, "Decision saved.", self.form.say, done_with=id)
        self._show_cell()

    def withdraw(self) -> None:
        """Take back the decision about the chosen threat; an own threat stays, without its decision."""
        row = self.row
        if row is None or row.decision is None:
            return
        own = self.tour.decisions.own.get(row.finding.id)

        def take_back() -> None:
            if own is None:
                self.tour.decisions.withdraw(row.finding)
            else:
                said = file_form(own.model_copy(update={"decision": None}))
                self.tour.decisions.own_threat(own.id, **said)

        self._attempt(take_back, "Decision withdrawn; the threat is open again.")
        self._show_cell()

    def carry_over(self) -> None:
        """Make the earlier decision about other places the one about the chosen finding."""
        row = self.row
        if row is not None and row.state == "carried over":
            self._attempt(lambda: self.tour.decisions.carry_over(row.finding, row.decision), "Decision taken over.")
            self._show_cell()

    def save_own(self) -> None:
        """Save the threat in the own form, or say what is missing."""
        missing = self.own.missing()
        if missing:
            self.own.say(missing)
            return
        entry, key, before = self.own.entry(), self._own_key, self.tour.decisions.own.get(self.own.which.value)
        id = before.id if before else self.tour.free_id()
        fields = {**(file_form(before) if before else {"places": [self.place]}), **entry}
        if before and before.stride[:1] == (entry["stride"],):
            fields["stride"] = before.stride
        if "note" not in entry:
            fields.pop("note", None)
        keep = lambda: self.tour.decisions.own_threat(id, **fields)  # noqa: E731
        self._attempt(keep, "Threat saved.", self.own.say, done_with=key)
        self._show_cell()

    def delete_own(self) -> None:
        """Take the chosen threat of the group's own out of the file."""
        id = self.own.which.value
        take_out = lambda: self.tour.decisions.withdraw(id)  # noqa: E731
        if id:
            self._attempt(take_out, "Threat deleted; Undo brings it back.", done_with=f"own:{id}")
        self._stay()

    def look(self, looked: bool = True) -> None:
        """Mark the cell as looked at, nothing more; or take the mark away."""
        said = "Looked at." if looked else "Not looked at any more."
        self._attempt(lambda: self.tour.look(self.place, self.letter, looked), said)
        self._show_cell()

    def write_note(self, text: str) -> None:
        """Keep the note of the cell."""
        key, (place, letter) = self._note_key, (self.place, self.letter)
        if not self._attempt(lambda: self.tour.note(place, letter, text), "Note kept.", done_with=key):
            self._keep_draft(key, {"text": text}, quiet=True)

    def undo(self) -> None:
        """Take back the last change of this session."""
        if not self.tour.decisions.can_undo:
            self.say("Nothing to undo.")
            return
        self._attempt(self.tour.decisions.undo, "Taken back.")
        self._stay()

    def _stay(self) -> None:
        """Show the cell again; another one of this place where it is gone with the threat that it was there for."""
        if self.letter not in self.tour.letters(self.place):
            self.letter = self.tour.letters(self.place)[0]
        self._show_cell()

    def _draft_decision(self, entry: Entry) -> None:
        row = self.row
        if row is None:
            return
        entered = self.form.known(row.decision) if row.state != "carried over" else {}
        self._keep_draft(row.finding.id, {} if entry == entered else entry)

    def _draft_own(self, entry: Entry) -> None:
        self._keep_draft(self._own_key, entry)

    def _keep_draft(self, key: str, entry: Entry, quiet: bool = False) -> None:
        try:
            self.drafts.put(key, entry)
        except ThreatkitError as error:
            self.say(f"The draft could not be kept: {error}")
        else:
            if self.drafts.path is not None and not quiet:
                self.say(f"Draft kept {_now()}; it counts when you save it." if entry else "")

    def _forget(self, key: str) -> None:
        try:
            self.drafts.drop(key)
        except ThreatkitError as error:
            self.say(f"The draft could not be removed: {error}")

    # -- saving -----------------------------------------------------------------------------------

    def _attempt(
        self,
        act: Callable[[], Any],
        said: str,
        refuse: Callable[[list[str]], Any] | None = None,
        done_with: str = "",
    ) -> bool:
        """Do something that saves; True only when it is in the file. What went wrong is shown.

        The draft `done_with` goes when what it became is in the file, which may be at a later save.
        """
        before = self.tour.decisions.to_dict()
        try:
            act()
        except ThreatkitError as error:
            if self.tour.decisions.to_dict() != before and done_with:
                self._unsaved.add(done_with)
            self._tell(error, refuse)
            return False
        for key in {*self._unsaved, done_with} - {""}:
            self._forget(key)
        self._unsaved.clear()
        self.conflict.value = ""
        show(self.solve, False)
        path = self.tour.decisions.path
        if said:
            self.say(f"{said} Saved {_now()} to {path.name}" if path else f"{said} Not in a file: there is none.")
        return True

    def _tell(self, error: ThreatkitError, refuse: Callable[[list[str]], Any] | None) -> None:
        if isinstance(error, SaveConflictError):
            self._conflict()
            return
        problems = [problem.message for problem in getattr(error, "problems", ())] or [str(error)]
        if refuse:
            refuse(problems)
        self.say(f"Not saved: {'; '.join(problems)}")

    def _conflict(self) -> None:
        name = self.tour.decisions.path.name
        self.conflict.value = (
            f'<p class="tk-warn">{page.safe(name)} was changed by somebody else since it was read here. Nothing was '
            "written over. Keep mine: what is shown here goes into the file, the other version stays as .bak. "
            "Take theirs: the file is loaded again, and your last entry stays as a draft.</p>"
        )
        show(self.solve, True)
        self.say("Not saved: the file changed on disk. Choose above.")

    def keep_mine(self) -> None:
        """Write what is here over the file that changed; the other version stays as NAME.bak."""
        self._attempt(lambda: self.tour.decisions.save(overwrite=True), "Your version is kept.")
        self._show_cell()

    def take_theirs(self) -> None:
        """Load the file again. What was not saved stays as a draft where it has a form."""

        def load() -> None:
            self.tour.decisions = Decisions.load(self.tour.decisions.path)

        unsaved, self._unsaved = self._unsaved, set()
        if not self._attempt(load, ""):
            self._unsaved = unsaved
        else:
            self.say(f"{self.tour.decisions.path.name} is loaded again.")
        self._stay()


def _now() -> str:
    return datetime.datetime.now().strftime("%H:%M:%S")
