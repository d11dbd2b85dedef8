"""Decisions: what people decided about a finding, and until when. They live in a file beside the model.

decisions = Decisions.load("support.yaml")           # reads support.decisions.yaml, or starts empty
decisions.decide(finding, "accept", why="No customer data here", until="2027-03-01")
analyze(system, overrides=decisions.overrides)

Each change is saved at once, comments and layout of the file stay. An analysis or an import never touches the file.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from threatkit.decisionfile import State, composed, decisions_path, read_decisions, state_form
from threatkit.errors import ModelError, NotFoundError, Problem, nearest, shown
from threatkit.facts import control
from threatkit.findings import Finding, finding_id
from threatkit.nouns import plain_message
from threatkit.risk import Risk, RiskOverride
from threatkit.textfile import digest, save_document
from threatkit.treatments import (
    Avoid,
    Decision,
    Mitigate,
    NotApplicable,
    OwnThreat,
    file_form,
    made,
    named_places,
    read_decision,
    read_own_threat,
)
from threatkit.walknotes import WalkNotes, read_walk
from threatkit.yamltext import read_yaml

if TYPE_CHECKING:
    from threatkit.analysis import Analysis


class Status(NamedTuple):
    """A finding or own threat, the decision about it, and where that stands.

    `state` is open, decided, expired (the end date is past), stale (the finding is gone; `finding` is None, or an own
    threat whose places are all gone) or carried over (the decision was made about a finding of the same rule with other
    places, and is only offered here: `Decisions.carry_over` makes it the finding's own).
    """

    finding: Finding | OwnThreat | None
    decision: Decision | None
    state: str


@dataclass(frozen=True)
class Residual:
    """The risk after a decision; None where the threat is said not to apply.

    `planned` is true while the decision still waits for a change of the model: the risk is then today's. `missing` are
    the controls that the model does not have at every place of the finding.
    """

    risk: Risk | None
    planned: bool = False
    missing: tuple[str, ...] = ()


class Decisions:
    """The decisions of one model by finding id, and the group's own threats. Every change is saved at once.

    >>> decisions = Decisions()                                # without a file: nothing is saved
    >>> decisions.decide("transport-plain@ask", "accept", why="inside one machine", until="2027-01-31").ends
    datetime.date(2027, 1, 31)
    >>> decisions.decide("transport-plain@ask", "accept", why="inside one machine")
    Traceback (most recent call last):
    ...
    threatkit.errors.ModelError: "transport-plain@ask": until: "until" is missing
    """

    def __init__(self, path: str | os.PathLike | None = None, *, autosave: bool = True):
        self.path = None if path is None else decisions_path(path)
        self.autosave = autosave
        self._state = State({}, {})
        self._undone: list[State] = []
        self._done: list[State] = []
        self._digest: str | None = None  # of the file as it was read or written; None: there was none

    @classmethod
    def load(cls, path: str | os.PathLike, *, autosave: bool = True) -> Decisions:
        """The decisions beside a model file, or in a decisions file; empty where there is no file yet.

        Raises ModelError with all faults of the file, each with line and column where there is one.
        """
        decisions = cls(path, autosave=autosave)
        if decisions.path.exists() or decisions.path.is_symlink():
            document = read_yaml(decisions.path)
            decisions._state = read_decisions(document)
            decisions._digest = digest(document.text)
        return decisions

    # -- reading ----------------------------------------------------------------------------------

    @property
    def decisions(self) -> dict[str, Decision]:
        """The decisions by finding id, a copy; those about own threats are in `own`."""
        return dict(self._state[0])

    @property
    def own(self) -> dict[str, OwnThreat]:
        """The group's own threats by id, a copy."""
        return dict(self._state[1])

    @property
    def overrides(self) -> dict[str, RiskOverride]:
        """The risks that people set by hand, for `analyze(system, overrides=…)`."""
        return {id: found for id, decision in self._state[0].items() if (found := decision.override)}

    def get(self, finding: Finding | OwnThreat | str) -> Decision | None:
        """The decision about a finding or own threat; None where there is none."""
        id = _id(finding)
        own = self._state[1].get(id)
        return own.decision if own else self._state[0].get(id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Decisions) and self._state == other._state

    __hash__ = None  # decisions can change

    def __repr__(self) -> str:
        return f"<Decisions: {len(self._state[0])} about findings, {len(self._state[1])} threats of the group's own>"

    def to_dict(self) -> dict[str, Any]:
        """The decisions as the plain values of their file."""
        return state_form(self._state)

    def status(self, analysis: Analysis, today: datetime.date | None = None) -> list[Status]:
        """Every finding and own threat, the riskiest first, then the decisions about findings that are gone."""
        today = datetime.date.today() if today is None else today
        decided, own, _ = self._state
        here = {finding.id for finding in analysis.findings}
        gone = [decision for id, decision in decided.items() if id not in here]
        rows, offered = [], set()
        for finding in analysis.findings:
            decision = decided.get(finding.id)
            if decision is not None:
                rows.append(Status(finding, decision, self._standing(finding, decision, today)))
            elif (decision := _closest(finding, gone)) is not None:
                rows.append(Status(finding, decision, "carried over"))
                offered.add(decision.id)
            else:
                rows.append(Status(finding, None, "open"))
        for threat in own.values():
            lost = threat.places and not any(place in analysis.system for place in threat.places)
            state = "stale" if lost else self._standing(threat, threat.decision, today)
            rows.append(Status(threat, threat.decision, state))
        rows.sort(key=lambda row: -row.finding.score)
        return rows + [Status(None, decision, "stale") for decision in gone if decision.id not in offered]

    def residual(self, finding: Finding | OwnThreat) -> Residual:
        """The risk of a finding after the decision about it.

        What is mitigated or avoided stays at today's risk, marked as planned, until the model has the controls: then
        the analysis itself says what is left. An accepted or transferred risk is as large as before.
        """
        decision = self.get(finding)
        if isinstance(decision, NotApplicable):
            return Residual(None)
        override = decision.override if decision and finding.risk.reasons[-1:] != _said_by_hand(decision) else None
        risk = override.apply(finding.risk) if override else finding.risk
        missing = _missing(finding, decision)
        return Residual(risk, bool(missing) or isinstance(decision, Avoid), missing)

    @staticmethod
    def _standing(finding: Finding | OwnThreat, decision: Decision | None, today: datetime.date) -> str:
        if decision is None:
            return "open"
        in_place = isinstance(decision, Mitigate) and not _missing(finding, decision)
        return "expired" if decision.ends and decision.ends < today and not in_place else "decided"

    # -- deciding ---------------------------------------------------------------------------------

    def decide(self, finding: Finding | OwnThreat | str, action: str, **fields: Any) -> Decision:
        """Decide about a finding or own threat, given as such or by id; an earlier decision about it is replaced.

        `fields` are those of the action: see the classes Mitigate, Accept, Transfer, Avoid, NotApplicable and
        NeedsAnswer. Raises ModelError where one is missing or wrong; then nothing has changed. Where saving fails
        (ModelError, SaveConflictError) the decision is kept in memory for another `save`. Of an own threat, a note,
        likelihood, impact or reason that is given takes the place of the threat's own.
        """
        id = _id(finding)
        decided, own, walk = self._state
        fields = {name: value for name, value in fields.items() if value is not None}
        if id in own:
            kept = file_form(own[id].model_copy(update={"decision": None}))
            threat = made(read_own_threat, id, {**kept, "action": action, **fields})
            self._change(State(decided, {**own, id: threat}, walk))
            return threat.decision
        entry = {"action": action, **fields}
        if "places" not in fields:
            places = finding.places if isinstance(finding, Finding) else ()
            places = places or (decided[id].places if id in decided else ())
            if places and {*places} != named_places(id):
                entry["places"] = sorted(places)
        decision = made(read_decision, id, entry)
        self._change(State({**decided, id: decision}, own, walk))
        return decision

    def own_threat(self, id: str, title: str, **fields: Any) -> OwnThreat:
        """Write down, or replace, a threat that no rule sees; `fields` may hold an action with what it needs."""
        decided, own, walk = self._state
        threat = made(read_own_threat, id, {"title": title, **fields})
        self._change(State(decided, {**own, id: threat}, walk))
        return threat

    def carry_over(self, finding: Finding, decision: Decision | str) -> Decision:
        """Make the decision about a finding that is gone the decision about this one. Raises NotFoundError."""
        decided, own, walk = self._state
        old = decided.get(_id(decision))
        if old is None:
            raise NotFoundError(f"no decision about {shown(_id(decision))}{nearest(_id(decision), decided)}")
        if finding.id in decided:
            raise ModelError(f"{shown(finding.id)} has a decision of its own; withdraw that one first")
        new = _moved(old, finding.rule, finding.places)
        renamed = {
            (finding.id if id == old.id else id): (new if id == old.id else each) for id, each in decided.items()
        }
        self._change(State(renamed, own, walk))
        return new

    def rename_place(self, old: str, new: str) -> int:
        """Follow `System.rename` in every decision and own threat, as one change; how many there were to follow."""
        parts: list[dict] = [{}, {}]
        for id, decision in self._state[0].items():
            places = decision.known_places
            if old in places and (decision.places or finding_id(decision.rule, tuple(places)) == id):
                decision = _moved(decision, decision.rule, [new if place == old else place for place in places])
            if decision.id in parts[0] or (decision.id != id and decision.id in self._state[0]):
                raise ModelError(f"{shown(decision.id)} has a decision already; withdraw that one first")
            parts[0][decision.id] = decision
        for id, threat in self._state[1].items():
            places = [new if place == old else place for place in threat.places]
            parts[1][id] = made(read_own_threat, id, {**file_form(threat), "places": places}) if places else threat
        before, after = ([*section[0].items(), *section[1].items()] for section in (self._state, parts))
        state = State(parts[0], parts[1], self._state.walk.renamed(old, new))
        if state != self._state:
            self._change(state)
        return sum(one != other for one, other in zip(before, after, strict=True))

    def withdraw(self, finding: Finding | OwnThreat | str) -> None:
        """Take back a decision: the finding is open again. An own threat goes altogether. Raises NotFoundError."""
        id = _id(finding)
        if not any(id in section for section in self._state[:2]):
            raise NotFoundError(
                f"nothing is decided about {shown(id)}{nearest(id, [*self._state[0], *self._state[1]])}"
            )
        decided, own = ({key: part for key, part in section.items() if key != id} for section in self._state[:2])
        self._change(State(decided, own, self._state.walk))

    # -- walking ----------------------------------------------------------------------------------

    @property
    def walk(self) -> WalkNotes:
        """What a STRIDE walk left behind: cells that were looked at, notes, and where it is."""
        return self._state.walk

    def look(self, place: str, stride: str | Iterable[str], looked: bool = True) -> None:
        """Mark STRIDE categories of a place as looked at with nothing more found, or take the mark away."""
        cells = [stride] if isinstance(stride, str) else [*stride]
        self._noted(lambda walk: walk.with_looked(place, cells, looked))

    def note(self, place: str, stride: str, text: str) -> None:
        """Keep a note about one STRIDE category of a place; an empty text takes it away."""
        self._noted(lambda walk: walk.with_note(place, stride, text))

    def walk_to(self, place: str, stride: str) -> None:
        """Remember where the walk is. This is no change that `undo` takes back."""
        at = made(lambda _, entry: read_walk({"at": entry}), place, {"place": place, "stride": stride}).at
        self._state = self._state._replace(walk=replace(self._state.walk, at=at))
        self._autosave()

    def _noted(self, change: Callable[[WalkNotes], WalkNotes]) -> None:
        try:
            walk = change(self._state.walk)
        except ValidationError as error:
            raise ModelError(Problem("", 0, 0, plain_message(fault)) for fault in error.errors()) from None
        self._change(self._state._replace(walk=walk))

    def undo(self) -> bool:
        """Take back the last change; False where there is none. The changes of earlier sessions stay."""
        return self._step(self._done, self._undone)

    @property
    def can_undo(self) -> bool:
        """Whether `undo` has something to take back."""
        return bool(self._done)

    def redo(self) -> bool:
        """Make the change again that was taken back last; False where there is none."""
        return self._step(self._undone, self._done)

    def _step(self, source: list[State], target: list[State]) -> bool:
        if not source:
            return False
        target.append(self._state)
        at, state = self._state.walk.at, source.pop()
        self._state = state._replace(walk=replace(state.walk, at=at))
        self._autosave()
        return True

    def _change(self, state: State) -> None:
        if state != self._state:
            self._done.append(self._state)
            self._undone.clear()
            self._state = state
        self._autosave()

    def _autosave(self) -> None:
        if self.autosave and self.path is not None:
            self.save()

    # -- saving -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike | None = None, *, overwrite: bool = False) -> Path:
        """Write the file: only what changed is touched, the version before stays as `NAME.bak`.

        A file that changed on disk since it was read, or that the decisions do not come from, is left alone unless
        `overwrite` is true. Raises SaveConflictError, ModelError.
        """
        target = self.path if path is None else decisions_path(path)
        if target is None:
            raise ModelError("these decisions have no file yet; give a path to save them to")
        document = save_document(
            target,
            (self.path, self._digest) if self.path is not None and self._digest is not None else None,
            lambda previous: composed(self._state, previous, target),
            overwrite=overwrite,
            instead="Load it again and repeat the last decision",
        )
        self.path, self._digest = target, digest(document.text)
        return target


def _id(finding: Any) -> str:
    id = finding if isinstance(finding, str) else getattr(finding, "id", None)
    if not isinstance(id, str):
        raise ModelError(f"expected a finding, an own threat or an id, found {shown(finding)}")
    return id


def _moved(decision: Decision, rule: str, places: Iterable[str]) -> Decision:
    """The same decision about the finding of a rule at other places."""
    id = finding_id(rule, tuple(places))
    entry = {name: value for name, value in file_form(decision).items() if name != "places"}
    return made(read_decision, id, entry if named_places(id) == {*places} else {**entry, "places": sorted(places)})


def _closest(finding: Finding, gone: Iterable[Decision]) -> Decision | None:
    """The decision of the same rule whose places agree most with those of a finding; None where none is shared."""
    best, most = None, 0.0
    for decision in sorted(gone, key=lambda decision: decision.id):
        shared = len(decision.known_places & {*finding.places})
        if decision.rule == finding.rule and shared / len(decision.known_places | {*finding.places}) > most:
            best, most = decision, shared / len(decision.known_places | {*finding.places})
    return best


def _missing(finding: Finding | OwnThreat, decision: Decision | None) -> tuple[str, ...]:
    """The controls of a decision that the model does not have at, or next to, every place of the finding."""
    if not isinstance(decision, Mitigate) or isinstance(finding, OwnThreat):
        return decision.controls if isinstance(decision, Mitigate) else ()
    facts, numbers = finding._facts, finding._numbers
    return tuple(word for word in decision.controls if not control(facts, finding._rule.side, word).yes[numbers].all())


def _said_by_hand(decision: Decision) -> tuple[str, ...]:
    override = decision.override
    return override.apply(Risk(1, 1, ())).reasons if override else ()
