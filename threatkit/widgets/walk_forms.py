"""The two forms of a walk: what is decided about a threat, and a threat of the group's own.

A form holds widgets that are made once and filled again for each threat, so that the one with the focus stays. It knows
nothing of files: it tells its owner what was entered so far (`draft`) and what is to be kept (`save`).
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

import ipywidgets

from threatkit.catalog import STRIDE
from threatkit.treatments import Decision, OwnThreat, file_form
from threatkit.vocabulary import meaning, words

Entry = dict[str, Any]
_ACTION_WORDS = {
    "": "(choose)",
    "mitigate": "Mitigate: do something about it",
    "accept": "Accept: live with it for a time",
    "transfer": "Transfer: somebody else carries it",
    "avoid": "Avoid: change the system so that it cannot happen",
    "not_applicable": "Not applicable: it does not exist here",
    "needs_answer": "Needs an answer first",
}
# action -> field -> label; a field whose label ends with "(if you like)" may stay empty
_FIELDS = {
    "mitigate": {"controls": "Controls", "who": "Who does it", "by": "By when"},
    "accept": {"why": "Why", "until": "Until when"},
    "transfer": {"to": "To whom", "why": "Why they carry it"},
    "avoid": {"change": "What is changed", "who": "Who does it (if you like)", "by": "By when (if you like)"},
    "not_applicable": {"why": "Why not here"},
    "needs_answer": {"question": "The question", "who": "Who finds out", "by": "By when (if you like)"},
}
_MISSING = {
    "controls": "Tick one control or more, or add another one.",
    "who": "Say who does it: a name or a team.",
    "by": "Give the day by which it is done.",
    "why": "Say why, in a few words.",
    "until": "Give the last day on which this holds. Then it is decided again.",
    "to": "Say who carries the risk from now on.",
    "change": "Say what is changed or left out.",
    "question": "Write down the question that has to be answered first.",
    "action": "Choose what is to be done.",
    "title": "Say in a few words what can happen.",
    "likelihood": "Choose how likely it is.",
    "impact": "Choose how bad it would be.",
}
_LIKELY = ("1 very unlikely", "2 unlikely", "3 possible", "4 likely", "5 almost certain")
_BAD = ("1 hardly matters", "2 a nuisance", "3 real harm", "4 serious harm", "5 a disaster")
WIDE = {"width": "99%"}
_STYLE = {"description_width": "130px"}


def _text(label: str, rows: int = 1) -> Any:
    make = ipywidgets.Text if rows == 1 else ipywidgets.Textarea
    extra = {} if rows == 1 else {"rows": rows}
    return make(description=label, continuous_update=False, style=_STYLE, layout=WIDE, **extra)


def button(label: str, act: Callable[[], Any], tip: str = "", style: str = "") -> ipywidgets.Button:
    """A button that calls `act` without arguments; its width is that of its words."""
    made = ipywidgets.Button(description=label, tooltip=tip or label, button_style=style, layout={"width": "auto"})
    made.on_click(lambda _: act())
    return made


def show(widget: Any, visible: bool) -> None:
    """Show a widget, or hide it from everybody, screen readers too."""
    wanted = None if visible else "none"
    if widget.layout.display != wanted:
        widget.layout.display = wanted


class _Form:
    """What both forms share: fields that are filled without telling anybody, and a line for errors."""

    def __init__(self, draft: Callable[[Entry], Any]):
        self._draft, self._quiet = draft, False
        self.error = ipywidgets.HTML()
        self.error.add_class("tk-error")
        self.fields: dict[str, Any] = {}

    def _watch(self) -> None:
        for field in self.fields.values():
            field.observe(self._entered, "value")

    @contextmanager
    def _silence(self) -> Any:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _entered(self, _: Any) -> None:
        if not self._quiet:
            self.say(())
            self._draft(self.entry())

    def entry(self) -> Entry:
        """What stands in the form now, without what is empty, as plain values."""
        raise NotImplementedError

    def say(self, problems: Iterable[str]) -> None:
        """Show what is wrong; nothing for no problems."""
        told = "".join(f"<li>{html.escape(problem)}</li>" for problem in problems)
        self.error.value = f"<ul>{told}</ul>" if told else ""


class DecisionForm(_Form):
    """What is decided about one threat: an action, and what that action needs."""

    def __init__(self, draft: Callable[[Entry], Any], save: Callable[[], Any], withdraw: Callable[[], Any]):
        super().__init__(draft)
        options = [(said, action) for action, said in _ACTION_WORDS.items()]
        self.fields = {
            "action": ipywidgets.Dropdown(description="Decision", options=options, style=_STYLE, layout=WIDE),
            "why": _text("Why", rows=2),
            "to": _text("To whom"),
            "change": _text("What is changed", rows=2),
            "question": _text("The question", rows=2),
            "who": _text("Who"),
            "by": ipywidgets.DatePicker(description="By when", style=_STYLE),
            "until": ipywidgets.DatePicker(description="Until when", style=_STYLE),
            "note": _text("Note (if you like)"),
        }
        self._ticks: list[ipywidgets.Checkbox] = []
        self._controls = ipywidgets.Box(layout={"flex_flow": "row wrap", "overflow": "visible"})
        self._controls.add_class("tk-controls")
        known = [("(choose)", ""), *((word.replace("_", " "), word) for word in sorted(words("controls")))]
        self._other = ipywidgets.Dropdown(description="Another control", options=known, style=_STYLE)
        self._add = button("Add control", self._add_other, "Add the control that is chosen beside this button")
        self._more = ipywidgets.HBox([self._other, self._add])
        self.save_button = button("Save decision", save, "Save this decision to the file (Ctrl+Enter)", "primary")
        self.withdraw_button = button("Withdraw decision", withdraw, "Take the decision back: the threat is open again")
        field = self.fields
        self.box = ipywidgets.VBox(
            [
                *(field["action"], self.error, self._controls, self._more),
                *(field[name] for name in ("question", "to", "change", "why", "who", "by", "until", "note")),
                ipywidgets.HBox([self.save_button, self.withdraw_button]),
            ]
        )
        self._watch()
        field["action"].observe(lambda _: self._arrange(), "value")
        self._arrange()

    def fill(self, decision: Decision | None, draft: Entry, suggested: Iterable[str]) -> None:
        """Show a decision, or the draft of one, with the controls that the rule suggests first."""
        entry = draft or ({} if decision is None else file_form(decision))
        with self._silence():
            self.fields["action"].value = entry.get("action") if entry.get("action") in _FIELDS else ""
            for name, field in self.fields.items():
                if name in ("by", "until"):
                    field.value = _day(entry.get(name))
                elif name != "action":
                    field.value = str(entry.get(name, ""))
            ticked = [word for word in entry.get("controls", ()) if word in words("controls")]
            self._offer([*suggested], ticked)
            self._other.value = ""
        self.say(())
        self._arrange()
        show(self.withdraw_button, decision is not None)

    def entry(self) -> Entry:
        """What stands in the form now: the action, and what goes with it."""
        action = self.fields["action"].value
        entry: Entry = {"action": action} if action else {}
        for name in (*_FIELDS.get(action, ()), "note"):
            value = self.controls if name == "controls" else self.fields[name].value
            if value and (not isinstance(value, str) or value.strip()):
                entry[name] = value.isoformat() if isinstance(value, datetime.date) else value
        return entry

    @staticmethod
    def known(decision: Decision | None) -> Entry:
        """What `entry` gives for a decision that nobody has changed in the form."""
        if decision is None:
            return {}
        form = file_form(decision)
        return {name: form[name] for name in ("action", *_FIELDS[decision.action], "note") if name in form}

    @property
    def controls(self) -> list[str]:
        """The controls that are ticked."""
        return [tick.word for tick in self._ticks if tick.value and tick.word]

    def missing(self) -> list[str]:
        """What has to be filled in before this can be saved, in sentences."""
        entry, action = self.entry(), self.fields["action"].value
        if not action:
            return [_MISSING["action"]]
        needed = [name for name, label in _FIELDS[action].items() if "if you like" not in label]
        return [_MISSING[name] for name in needed if name not in entry]

    def tick(self, word: str, value: bool = True) -> None:
        """Tick a control, offered or not."""
        if word not in [tick.word for tick in self._ticks]:
            with self._silence():
                self._offer([tick.word for tick in self._ticks if tick.word] + [word], self.controls)
        next(tick for tick in self._ticks if tick.word == word).value = value

    def _add_other(self) -> None:
        if self._other.value:
            self.tick(self._other.value)
        else:
            self.say(["Choose a control beside this button first."])

    def _offer(self, suggested: list[str], ticked: list[str]) -> None:
        offered = [*dict.fromkeys([*suggested, *ticked])]
        while len(self._ticks) < len(offered):
            tick = ipywidgets.Checkbox(indent=False, layout={"width": "48%", "margin": "0", "overflow": "visible"})
            tick.word = ""
            tick.observe(self._entered, "value")
            self._ticks.append(tick)
            self._controls.children = (*self._controls.children, tick)
        for tick, word in zip(self._ticks, [*offered, *[""] * (len(self._ticks) - len(offered))], strict=True):
            tick.word, tick.value = word, word in ticked
            tick.description = word.replace("_", " ") or "unused"
            tick.tooltip = meaning("controls", word) if word else None
            show(tick, bool(word))

    def _arrange(self) -> None:
        wanted = _FIELDS.get(self.fields["action"].value, {})
        for name, field in self.fields.items():
            if name in wanted and field.description != wanted[name]:
                field.description = wanted[name]
            show(field, name == "action" or name in wanted or (name == "note" and bool(wanted)))
        show(self._controls, "controls" in wanted)
        show(self._more, "controls" in wanted)


class OwnForm(_Form):
    """A threat that the group saw: what, which letter, how likely and how bad."""

    def __init__(self, draft: Callable[[Entry], Any], save: Callable[[], Any], delete: Callable[[], Any]):
        super().__init__(draft)
        letters = [(f"{word[0].upper()} {word.replace('_', ' ')}", word) for word in STRIDE]
        likely = [("(choose)", 0), *((said, at) for at, said in enumerate(_LIKELY, 1))]
        bad = [("(choose)", 0), *((said, at) for at, said in enumerate(_BAD, 1))]
        self.which = ipywidgets.Dropdown(description="Threat", options=[("A new one", "")], style=_STYLE, layout=WIDE)
        self.fields = {
            "title": _text("What can happen"),
            "stride": ipywidgets.Dropdown(description="Letter", options=letters, style=_STYLE),
            "likelihood": ipywidgets.Dropdown(description="How likely", options=likely, style=_STYLE),
            "impact": ipywidgets.Dropdown(description="How bad", options=bad, style=_STYLE),
            "note": _text("Note (if you like)", rows=2),
        }
        self.save_button = button("Save threat", save, "Save this threat to the file (Ctrl+Enter)", "primary")
        self.delete_button = button("Delete threat", delete, "Take this threat out of the file; Undo brings it back")
        buttons = ipywidgets.HBox([self.save_button, self.delete_button])
        self.box = ipywidgets.VBox([self.which, *self.fields.values(), self.error, buttons])
        self._watch()
        self._letter = STRIDE[0]

    def fill(self, threat: OwnThreat | None, draft: Entry, letter: str) -> None:
        """Show a threat of the group's own, or the draft of one; a new one has the letter of the cell."""
        said = draft or ({} if threat is None else file_form(threat))
        stride = said.get("stride") or (letter if threat is None else "")
        first = stride if isinstance(stride, str) else stride[0]
        self._letter = letter
        with self._silence():
            self.fields["title"].value = str(said.get("title", ""))
            self.fields["note"].value = str(said.get("note", ""))
            self.fields["stride"].value = first if first in STRIDE else letter
            for name in ("likelihood", "impact"):
                self.fields[name].value = said[name] if said.get(name) in range(1, 6) else 0
        self.say(())
        show(self.delete_button, threat is not None)

    def entry(self) -> Entry:
        """What stands in the form now; nothing while only the letter does."""
        entry = {name: field.value for name, field in self.fields.items() if name != "stride"}
        entry = {name: said for name, said in entry.items() if said and (not isinstance(said, str) or said.strip())}
        return {**entry, "stride": self.fields["stride"].value} if entry else {}

    def missing(self) -> list[str]:
        """What has to be filled in before this can be saved, in sentences."""
        entry = self.entry()
        return [_MISSING[name] for name in ("title", "likelihood", "impact") if name not in entry]


def _day(said: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(said))
    except ValueError:
        return None
