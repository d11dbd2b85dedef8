"""Risk treatments: what can be decided about a finding, and what each decision needs. And the group's own threats.

Mitigate, accept, transfer and avoid are the four of the textbooks; a finding can also not apply, or wait for an answer.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema, field_validator

from threatkit.catalog import STRIDE
from threatkit.errors import ModelError, Problem, nearest, shown
from threatkit.modelfile import _plain, _where
from threatkit.nouns import ID_PATTERN, Control, Date, Id, Noun, Text, list_of, plain_message
from threatkit.risk import Risk, RiskOverride

FINDING_PATTERN = r"^[a-z][a-z0-9-]{2,63}@[A-Za-z0-9_][A-Za-z0-9_.+\-]{0,299}$"
_SHORTENED = re.compile(r"(.+)\+[0-9]+-[0-9a-f]{8}")  # the end of the id of a finding with many places


def _figure(value: object) -> object:
    if value is None or (type(value) is int and 1 <= value <= 5):
        return value
    raise ValueError(f"expected a number from 1 to 5, found {shown(value)}")


def _says_something(value: str) -> str:
    if not value.strip():
        raise ValueError(f"expected a few words, found {shown(value)}")
    return value


def _not_empty(value: tuple) -> tuple:
    if not value:
        raise ValueError("expected one control or more, found none")
    return value


def _letter(value: object) -> object:
    if value in STRIDE:
        return value
    raise ValueError(f"unknown STRIDE category {shown(value)}{nearest(value, STRIDE)}")


Words = Annotated[Text, AfterValidator(_says_something), WithJsonSchema({"type": "string", "pattern": r"\S"})]
Figure = Annotated[int, BeforeValidator(_figure), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 5})]
Category = Annotated[str, BeforeValidator(_letter), WithJsonSchema({"enum": list(STRIDE)})]


class Decision(Noun):
    """What people decided about the finding with this id. One of the classes below, each with what it needs."""

    id: str
    action: str
    likelihood: Figure | None = Field(None, description="The likelihood that people set by hand, 1 to 5.")
    impact: Figure | None = Field(None, description="The impact that people set by hand, 1 to 5.")
    reason: Words | None = Field(None, validate_default=True, description="Why likelihood or impact is set by hand.")
    note: Text | None = Field(None, description="Whatever else is worth keeping.")
    decided_by: Text | None = Field(None, description="Who decided.")
    date: Date | None = Field(None, description="When it was decided.")
    places: list_of(Id) = Field((), description="The places of the finding, where its id does not name them all.")

    @field_validator("reason")
    @classmethod
    def _goes_with_a_figure(cls, reason: str | None, others: Any) -> str | None:
        set_by_hand = others.data.get("likelihood", 0) is not None or others.data.get("impact", 0) is not None
        if set_by_hand and reason is None and {"likelihood", "impact"} <= others.data.keys():
            raise ValueError('a likelihood or impact that is set by hand needs a "reason"')
        if reason is not None and not set_by_hand:
            raise ValueError('"reason" says why likelihood or impact is set by hand, and neither is')
        return reason

    @property
    def rule(self) -> str:
        """The rule of the finding; empty for a threat of the group's own."""
        return self.id.partition("@")[0] if "@" in self.id else ""

    @property
    def known_places(self) -> frozenset[str]:
        """The places of the finding, as far as the decision or the id tells."""
        return frozenset(self.places or named_places(self.id))

    @property
    def override(self) -> RiskOverride | None:
        """The risk that people set by hand, for `analyze(system, overrides=…)`."""
        if self.likelihood is None and self.impact is None:
            return None
        return RiskOverride(self.reason or "", self.likelihood, self.impact)

    @property
    def ends(self) -> datetime.date | None:
        """The last day on which the decision holds: its `until` or `by`; None where it has no end."""
        return getattr(self, "until", None) or getattr(self, "by", None)


class Mitigate(Decision):
    """Do something about it: which controls, who sees to it, and by when."""

    action: Literal["mitigate"] = "mitigate"
    controls: Annotated[list_of(Control), AfterValidator(_not_empty)] = Field(
        description="The controls that will be put in place."
    )
    who: Words = Field(description="Who sees to it.")
    by: Date = Field(description="The day by which the controls are there.")


class Accept(Decision):
    """Live with it: why, and until when."""

    action: Literal["accept"] = "accept"
    why: Words = Field(description="Why the risk is acceptable.")
    until: Date = Field(description="The last day on which this holds; then it is decided again.")


class Transfer(Decision):
    """Let somebody else carry it: who, and why they do."""

    action: Literal["transfer"] = "transfer"
    to: Words = Field(description="Who carries the risk.")
    why: Words = Field(description="Why they carry it, such as a contract.")


class Avoid(Decision):
    """Change the system so that the threat cannot arise: what is changed."""

    action: Literal["avoid"] = "avoid"
    change: Words = Field(description="What is changed or left out.")
    who: Words | None = Field(None, description="Who sees to it.")
    by: Date | None = Field(None, description="The day by which it is changed.")


class NotApplicable(Decision):
    """The threat does not exist here, whatever the model says: why."""

    action: Literal["not_applicable"] = "not_applicable"
    why: Words = Field(description="Why the threat does not exist here.")


class NeedsAnswer(Decision):
    """Nobody in the room could say: which question, and who is asked."""

    action: Literal["needs_answer"] = "needs_answer"
    question: Words = Field(description="What has to be known first.")
    who: Words = Field(description="Who finds out.")
    by: Date | None = Field(None, description="The day by which the answer is there.")


ACTIONS = {
    noun.model_fields["action"].default: noun
    for noun in (Mitigate, Accept, Transfer, Avoid, NotApplicable, NeedsAnswer)
}


class OwnThreat(Noun):
    """A threat that the group saw and no rule does, perhaps with a decision."""

    id: Id
    title: Words = Field(description="The threat in a few words.")
    places: list_of(Id) = Field((), description="Ids of elements or flows where it is.")
    stride: list_of(Category) = Field((), description="STRIDE categories.")
    likelihood: Figure = Field(description="How likely, 1 to 5.")
    impact: Figure = Field(description="How bad, 1 to 5.")
    reason: Words | None = Field(None, description="Why likelihood and impact are what they are.")
    note: Text | None = Field(None, description="What can happen, in the group's words.")
    decision: Decision | None = None

    @property
    def letters(self) -> str:
        """The STRIDE categories, as letters in the order of the word."""
        return "".join(word[0].upper() for word in STRIDE if word in self.stride)

    @property
    def risk(self) -> Risk:
        """The risk as the group judges it."""
        return Risk(self.likelihood, self.impact, (self.reason or "judged by the group",))

    @property
    def score(self) -> int:
        """The score of the risk, 1 to 25."""
        return self.likelihood * self.impact


def named_places(id: str) -> frozenset[str]:
    """The places that an id names; the id of a finding with many places names only the first."""
    places = id.partition("@")[2]
    shortened = _SHORTENED.fullmatch(places)
    return frozenset([shortened[1]] if shortened else places.split("+") if places else [])


# -- from plain values and back -----------------------------------------------------------------------------------

Faults = list[tuple[tuple, str]]
_COMMON = tuple(name for name in Decision.model_fields if name != "id")
OWN_KEYS = tuple(name for name in OwnThreat.model_fields if name not in ("id", "decision"))
_ALL_KEYS = frozenset(name for noun in ACTIONS.values() for name in noun.model_fields) - {"id"}


def made(read: Any, id: str, entry: Mapping[str, Any]) -> Any:
    """What `read_decision` or `read_own_threat` makes of these values. Raises ModelError with all faults."""
    part, faults = read(id, {key: value for key, value in entry.items() if value is not None})
    if faults:
        places = [": ".join(filter(None, (shown(id), _where(path)))) for path, _ in faults]
        said = (f"{place}: {message}" for place, (_, message) in zip(places, faults, strict=True))
        raise ModelError(Problem("", 0, 0, each) for each in said)
    return part


def read_decision(id: str, entry: dict[str, Any], own: bool = False) -> tuple[Decision | None, Faults]:
    """A decision from the values of its entry, and what is wrong with them: (path in the entry, message) pairs."""
    faults: Faults = []
    if not own and not re.fullmatch(FINDING_PATTERN, id):
        said = f"{shown(id)} is not the id of a finding, such as injection-indirect@assistant"
        hint = '; a threat of your own goes below "own"' if re.fullmatch(ID_PATTERN, id) else ""
        faults.append((("",), said + hint))
    action = entry.get("action")
    noun = ACTIONS.get(action) if isinstance(action, str) else None
    if noun is None and ("action" in entry or not own or not _ALL_KEYS.isdisjoint(entry)):
        said = f"unknown action {shown(action)}{nearest(action, ACTIONS)}"
        said = said if "action" in entry else '"action" is missing'
        faults.append((("action",), f"{said}; there are {', '.join(ACTIONS)}"))
    allowed = _ALL_KEYS if noun is None else noun.model_fields.keys() - {"id"}
    allowed = allowed - {*OWN_KEYS} if own else allowed
    for key in entry.keys() - allowed:
        others = [name for name, other in ACTIONS.items() if key in other.model_fields and key != "id"]
        hint = nearest(key, [*OWN_KEYS, *sorted(allowed)] if own else sorted(allowed))
        hint = f"; it goes with {', '.join(others)}" if others and noun else hint
        faults.append(((key, ""), f"unknown key {shown(key)}{hint}"))
    fields = (noun or Decision).model_fields.keys() & allowed
    values = {key: value for key, value in entry.items() if key in fields}
    return _validated(noun or Decision, {**values, "action": action if noun else "", "id": id}, faults)


def read_own_threat(id: str, entry: dict[str, Any]) -> tuple[OwnThreat | None, Faults]:
    """The same for a threat of the group's own; its entry may hold a decision, too."""
    values = {key: value for key, value in entry.items() if key in OWN_KEYS}
    rest = {key: value for key, value in entry.items() if key not in OWN_KEYS}
    decision, faults = read_decision(id, rest, own=True) if rest else (None, [])
    return _validated(OwnThreat, {**values, "id": id, "decision": decision}, faults)


def _validated(noun: type, values: dict[str, Any], faults: Faults) -> tuple[Any, Faults]:
    part = None
    try:
        part = noun.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            path = ("",) if fault["loc"] == ("id",) else fault["loc"]
            faults.append((path, plain_message(fault, noun)))
    return (None if faults else part), faults


def file_form(part: Decision | OwnThreat) -> dict[str, Any]:
    """A decision or own threat as the plain values of the file: no id, nothing that is not said."""
    names = [name for name in type(part).model_fields if name not in ("id", "action", "decision")]
    form: dict[str, Any] = {}
    if isinstance(part, Decision):  # what the action needs comes first
        form["action"] = part.action
        names.sort(key=lambda name: name in _COMMON)
    for name in names:
        value = getattr(part, name)
        if value is not None and value != ():
            form[name] = list(value) if isinstance(value, tuple) else value
    if isinstance(part, OwnThreat) and part.decision:
        form |= file_form(part.decision)
    return _plain(form)
