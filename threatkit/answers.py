"""Answers: a question is about a fact that a model file can state in one place, and an answer states it there.

question = analyze(app).questions[0]
choices(app, question).options                 # what can be said, with what it means
answer(app, question, True)                    # or: answer(app, ("assistant", "has(shell)"), [])
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from threatkit.errors import ModelError, Problem, nearest, shown
from threatkit.graph import effective_trust
from threatkit.model import Element, Flow, System
from threatkit.taint import SENDS
from threatkit.vocabulary import effects, meaning, vocabulary, words

if TYPE_CHECKING:
    from threatkit.catalog import Catalog
    from threatkit.questions import Question

_FACT = re.compile(r"(\w+)(?:\(\s*([\w\s,]*)\))?")
_PROPERTIES = {"effectful": effects, "sends": lambda: SENDS, "exposed": lambda: ("internet_exposed",)}
_HELD = ("holds", "holds_sensitive", "holds_personal")
_CARRIED = ("carries", "carries_sensitive", "carries_personal")
_WRITTEN_BY_SOMEBODY = ("model_generated", "trusted", "untrusted")


@dataclass(frozen=True)
class Choices:
    """What a question can be answered with.

    `kind` is truth (yes or no), one (one of the options) or many (those that are true; none is an answer too).
    `options` maps each word to what it means. A truth with options takes those, too: controls that would do as well.
    """

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)

    def read(self, text: str) -> bool | str | tuple[str, ...]:
        """A typed answer as a value: yes, no, none, or words with commas. Raises ModelError."""
        said = text.strip()
        if said.lower() in ("y", "yes", "true"):
            return True
        if said.lower() in ("n", "no", "false", "none", "nothing", "[]"):
            return False if self.kind == "truth" else ()
        chosen = tuple(word.strip() for word in said.strip("[]").split(",") if word.strip())
        self.check(chosen)
        return chosen[0] if self.kind == "one" else chosen

    def check(self, chosen: Iterable[str]) -> None:
        """Refuse words that are no option. Raises ModelError with the nearest one."""
        chosen = tuple(chosen)
        for word in chosen:
            if word not in self.options:
                known = ", ".join(self.options) or "yes, no"
                raise ModelError(f"{shown(word)} is no answer here{nearest(word, self.options)}; there are {known}")
        if self.kind == "one" and len(chosen) != 1:
            raise ModelError(f"one answer is needed: {', '.join(self.options)}")


def choices(system: System, question: Question | tuple[str, str], catalog: Catalog | None = None) -> Choices:
    """What a question of this system can be answered with.

    For a control the options are those that would end one of the threats in question, if a catalogue is given.
    Raises NotFoundError for a place that is not there, ModelError for a fact that no single entry can state.
    """
    place, fact, words_ = _parts(question)
    part = system[place]
    if fact == "control" and len(words_) == 1:
        ending = [words_[0]]
        for rule in getattr(question, "rules", ()) if catalog else ():
            ending += catalog.rule(rule).cuts if rule in catalog.rules else ()
        return Choices("truth", {word: meaning("controls", word) for word in dict.fromkeys(ending)})
    if isinstance(part, Element):
        named = words_ if fact == "has" else _PROPERTIES[fact]() if fact in _PROPERTIES else ()
        if named:
            kind = "truth" if len(named) == 1 else "many"
            return Choices(kind, {word: meaning("properties", word) for word in named})
        if fact == "trust":
            return Choices("one", _boundaries(system, part))
        if fact in _HELD:
            return Choices("many", _data(system))
        if fact == "kind":
            return Choices("one", {word: meaning("kinds", word) for word in words("kinds")})
    elif fact in _CARRIED:
        return Choices("many", _data(system))
    elif fact in ("encrypted", "authenticated"):
        return Choices("truth")
    elif fact in ("content", "model_text"):
        said = words("content_trust") if fact == "content" else _WRITTEN_BY_SOMEBODY
        return Choices("one", {word: meaning("content_trust", word) for word in said})
    raise _elsewhere(system, part, fact)


def answer(system: System, question: Question | tuple[str, str], value: object) -> None:
    """State the answer of a question in the system, in the place that the question is about.

    `question` is a Question or a pair of place and fact. `value` is True or False, one word, or a list of words (those
    that are true; the others are noted as absent), as `choices` says. Saving is up to the caller. Raises ModelError
    for a value that is no answer or a fact that no single entry can state, NotFoundError for an unknown place.

    >>> app = System("A"); _ = app.element("bot", "agent")
    >>> answer(app, ("bot", "control(rate_limit)"), False); app["bot"].without
    ('rate_limit',)
    >>> answer(app, ("bot", "has(shell, delete)"), ["shell"]); app["bot"].properties, app["bot"].without
    (('shell',), ('rate_limit', 'delete'))
    """
    place, fact, words_ = _parts(question)
    part, allowed = system[place], choices(system, question)
    if fact == "control":
        there = _true_ones(allowed, value, extra=words("controls"))
        _state(system, part, "controls", there, {words_[0], *there})
    elif fact == "has" or fact in _PROPERTIES:
        _state(system, part, "properties", _true_ones(allowed, value), allowed.options)
    elif fact == "trust":
        _place_in_boundary(system, part, _one(allowed, value))
    elif fact == "kind":
        system.replace(place, kind=_one(allowed, value))
        system.assumptions = [each for each in system.assumptions if (each.about, each.of) != (place, "kind")]
    elif fact in ("encrypted", "authenticated"):
        if not isinstance(value, bool):
            raise ModelError(f"{fact}: expected yes or no, found {shown(value)}")
        system.replace(place, **{fact: value})
    elif fact in ("content", "model_text"):
        system.replace(place, content=_one(allowed, value))
    else:
        system.replace(place, **{"holds" if fact in _HELD else "carries": _true_ones(allowed, value)})


def _parts(question: Question | tuple[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """Place, fact and words of a question."""
    place, said = question if isinstance(question, tuple) else (question.place, question.fact)
    found = _FACT.fullmatch(str(said).strip())
    if found is None:
        raise ModelError(f"{shown(said)} is no fact; a fact looks like encrypted or has(shell, delete)")
    named = tuple(word.strip() for word in (found[2] or "").split(",") if word.strip())
    section = {"control": "controls", "has": "properties"}.get(found[1])
    for word in named if section else ():
        if word not in words(section):
            raise ModelError(f"{found[1]}(...): unknown word {shown(word)}{nearest(word, words(section))}")
    return place, found[1], named


def _true_ones(allowed: Choices, value: object, extra: Iterable[str] = ()) -> tuple[str, ...]:
    if value is True or value is False:
        options = list(allowed.options)[: 1 if allowed.kind == "truth" else None]
        if value and len(options) != 1:
            raise ModelError(f"say which: {', '.join(allowed.options)}")
        return tuple(options) if value else ()
    chosen = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple | set) else None
    if chosen is None:
        raise ModelError(f"expected true, false or a list, found {shown(value)}")
    allowed.check(word for word in chosen if word not in extra)
    return tuple(dict.fromkeys(chosen))


def _one(allowed: Choices, value: object) -> str:
    chosen = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
    allowed.check(chosen)
    return chosen[0]


def _state(system: System, part: Element | Flow, attribute: str, there: Iterable[str], about: Iterable[str]) -> None:
    """Of the words in question, add those that are there to an attribute, and note the others as absent."""
    there, said = tuple(there), getattr(part, attribute)
    absent = [word for word in about if word not in there and word not in said]
    present = [*said, *(word for word in there if word not in said)]
    without = [word for word in part.without if word not in there]
    without += [word for word in absent if word not in without]
    system.replace(part.id, **{attribute: present, "without": without})


def _boundaries(system: System, element: Element) -> dict[str, str]:
    """Where an element can lie: a boundary with a level of trust; a level, where its own or a new one needs that."""
    trust = effective_trust(system)
    known = {id: f"{part.name or id}: {trust[id]}" for id, part in system.boundaries.items() if trust[id]}
    levels = {
        level: meaning("trust_levels", level) for level in words("trust_levels") if level not in system.boundaries
    }
    return levels if element.boundary else known or levels


def _place_in_boundary(system: System, element: Element, chosen: str) -> None:
    if element.boundary:
        system.replace(system.boundaries[element.boundary], trust=chosen)
        return
    if chosen not in system.boundaries:
        system.boundary(chosen, trust=chosen)
    system.replace(element.id, boundary=chosen)


def _data(system: System) -> dict[str, str]:
    assets = {id: asset.name or ", ".join(sorted(asset.data_classes)) or id for id, asset in system.data.items()}
    return assets | {word: entry["means"] for word, entry in vocabulary()["data_classes"].items() if word not in assets}


def _elsewhere(system: System, part: Element | Flow, fact: str) -> ModelError:
    side = "element" if isinstance(part, Element) else "flow"
    path = ("elements", part.id) if side == "element" else ("flows", list(system.flows).index(part.id))
    file = str(system.source.path) if system.source else ""
    line, column = system.source.places.get(path, (0, 0)) if system.source else (0, 0)
    message = f'"{fact}" of the {side} "{part.id}" cannot be answered here; edit its entry in the model file'
    return ModelError([Problem(file, line, column, message)])
