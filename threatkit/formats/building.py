"""Build a System out of foreign parts: valid and unique ids, whole references, and a note for each part.

An importer names parts by its own keys (any hashable: `(diagram, id)`, say) and says where each one stands. A
`Build` keeps the book: what was kept, guessed and dropped. Nothing that a source holds can make it raise,
but for more parts than a threat model can have: then it raises FormatError.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Hashable, Iterable
from typing import Any

from threatkit.catalog import STRIDE
from threatkit.decisionfile import State
from threatkit.decisions import Decisions
from threatkit.errors import FormatError
from threatkit.formats.imported import Imported, Note
from threatkit.model import System
from threatkit.treatments import OwnThreat, read_own_threat
from threatkit.vocabulary import vocabulary, words

MAX_TEXT = 20_000
MOST_PARTS = 30_000
MOST_BOUNDARIES = 2_000
_HALF = re.compile("[\ud800-\udfff]")
FIGURES = {
    "critical": (4, 5),
    "very high": (4, 5),
    "high": (4, 4),
    "medium": (3, 3),
    "moderate": (3, 3),
    "low": (2, 2),
    "very low": (1, 2),
    "none": (1, 1),
    "informational": (1, 1),
}


class Build:
    """A System while it is put together from foreign parts.

    >>> build = Build("otm", "Shop")
    >>> build.boundary("tz-1", "The cloud", at="/trustZones/0")
    'the-cloud'
    >>> build.element("c-1", "Web app", "process", at="/components/0", within="tz-1", guess="from the type web-service")
    'web-app'
    >>> build.flow("d-1", "asks", "c-1", "nobody", at="/dataflows/0") is None
    True
    >>> done = build.done()
    >>> done.dropped[0].what, done.system["web-app"].boundary
    ('flow “asks”: its end “nobody” is no element of the file', 'the-cloud')
    """

    def __init__(self, format: str, name: Any = None, description: Any = None):
        self.format = format
        self.system = System(text_of(name) or "Imported model", text_of(description))
        self.kept: list[Note] = []
        self.guesses: list[Note] = []
        self.drops: list[Note] = []
        self.positions: dict[str, tuple[float, float]] = {}
        self.threats: dict[str, OwnThreat] = {}
        self._ids: dict[tuple[str, Hashable], str] = {}
        self._taken = {*words("data_classes")}
        self._counters: dict[str, int] = {}
        self._count = self._boundaries = 0

    @staticmethod
    def expect(parts: int, boundaries: int = 0) -> None:
        """Raise FormatError where that many parts are to come; asked first, a large file is refused at once."""
        if parts > MOST_PARTS or boundaries > MOST_BOUNDARIES:
            most = f"{MOST_PARTS:,} parts or {MOST_BOUNDARIES:,} boundaries"
            raise FormatError(f"more than {most}; no threat model is that large")

    # -- parts --------------------------------------------------------------------------------------------------------

    def boundary(
        self, key: Hashable, name: Any, *, at: str, trust: str | None = None, guess: str = "", **more: Any
    ) -> str:
        """Add a trust boundary and return its id; `inside` nests it later. `guess` says what was guessed."""
        id = self._new_id("boundary", key, name, "boundary")
        self.system.boundary(id, name=_name(name, id), trust=trust, **_texts(more))
        self._note(at, f"boundary {quoted(name, id)}", id, guess)
        return id

    def inside(self, key: Hashable, around: Hashable, *, at: str) -> None:
        """Put a boundary into another one; noted as dropped where that one is missing or lies inside the first."""
        id, outer = self.id("boundary", key), self.id("boundary", around)
        if id is None or outer is None or id == outer or self._lies_in(outer, id):
            why = "is no boundary of the file" if outer is None else "lies inside it"
            if id is not None:
                self.dropped(at, f"boundary “{id}” inside {quoted(around)}, which {why}", id)
            return
        self.system.replace(self.system.boundaries[id], inside=outer)

    def _lies_in(self, id: str, outer: str) -> bool:
        boundaries, at = self.system.boundaries, id
        while at is not None and at != outer:
            at = boundaries[at].inside
        return at == outer

    def element(
        self, key: Hashable, name: Any, kind: str, *, at: str, within: Hashable = None, guess: str = "", **more: Any
    ) -> str:
        """Add an element and return its id. `guess` says what its kind was guessed from; it becomes a question.

        `within` is the key of its boundary; `more` are attributes of an Element.
        """
        id = self._new_id("element", key, name, kind)
        boundary = self.id("boundary", within) if within is not None else None
        self.system.element(id, kind, name=_name(name, id), boundary=boundary, **_texts(more))
        self._note(at, f"{kind} {quoted(name, id)}", id)
        if within is not None and boundary is None:
            self.dropped(at, f"{quoted(name, id)} lies in {quoted(within)}, which is no boundary of the file", id)
        if guess:
            self.guessed(at, f"the kind of {quoted(name, id)}, {kind.replace('_', ' ')}: {guess}", id, of="kind")
        return id

    def flow(
        self,
        key: Hashable,
        name: Any,
        source: Hashable,
        target: Hashable,
        *,
        at: str,
        both_ways: bool = False,
        **more: Any,
    ) -> str | None:
        """Add a flow between two elements and return its id; None, with a note, where an end is no element.

        A flow of both ways becomes two, since each direction carries its own data and threats.
        """
        ends = [self.id("element", end) if end is not None else None for end in (source, target)]
        if None in ends:
            missing = (source, target)[ends.index(None)]
            why = "it has an end that is tied to nothing"
            if missing is not None:
                why = f"its end {quoted(missing)} is no element of the file"
            self.dropped(at, f"flow {quoted(name)}: {why}")
            return None
        id = self._new_id("flow", key, name, f"{ends[0]}-to-{ends[1]}")
        self.system.flow(id, *ends, name=_name(name, id), **_texts(more))
        self._note(at, f"flow {quoted(name, id)}", id)
        if both_ways:
            back = self._new_id("flow", ("back", key), f"{id}-back", "flow")
            self.system.flow(back, *reversed(ends), name=_name(name, back), **_texts(more))
            self._note(at, f"flow {quoted(name, id)} goes both ways: this is the way back", back)
        return id

    def data(self, key: Hashable, name: Any, *, at: str, **more: Any) -> str:
        """Add a data asset and return its id."""
        id = self._new_id("data", key, name, "data")
        self.system.asset(id, name=_name(name, id), **_texts(more))
        self._note(at, f"data {quoted(name, id)}", id)
        return id

    def position(self, id: str, x: Any, y: Any) -> None:
        """Note where an element stands in the drawing; ignored where it is no pair of finite numbers."""
        place = number_of(x), number_of(y)
        if None not in place:
            self.positions[id] = place

    def threat(
        self,
        key: Hashable,
        title: Any,
        *,
        at: str,
        places: Iterable[str | None] = (),
        stride: Any = (),
        severity: Any = None,
        figures: tuple[int, int] | None = None,
        status: Any = None,
        mitigation: Any = None,
        description: Any = None,
    ) -> str:
        """Add a threat of the source as an own threat and return its id.

        `places` are ids of elements and flows (None is passed over). `figures` are likelihood and impact, 1 to 5;
        without them they are guessed from `severity`, a word. A status that says that the threat does not apply
        becomes that decision; every other one, and what was done, is kept in the note: a decision needs a control, a
        person and a day, which another tool does not have.
        """
        said = text_of(title) or text_of(description) or "Threat without a title"
        id = self._new_id("threat", key, said[:60], "threat")
        state, done = text_of(status), text_of(mitigation)
        found = figures or FIGURES.get((text_of(severity) or "").strip().lower()) or (3, 3)
        lines = [text_of(description), f"Status in the source: {state}" if state else None]
        lines.append(f"Mitigation in the source: {done}" if done else None)
        entry: dict[str, Any] = {
            "title": said,
            "places": [place for place in dict.fromkeys(places) if place],
            "stride": stride_of(stride),
            "likelihood": found[0],
            "impact": found[1],
            "note": "\n\n".join(line for line in lines if line) or None,
        }
        if not figures:
            entry["reason"] = f"guessed from severity {text_of(severity)}" if text_of(severity) else "guessed: not said"
            self.guessed(at, f"likelihood and impact of {quoted(said)}: {entry['reason']}", id)
        if _plain(state) in ("na", "notapplicable"):
            entry |= {"action": "not_applicable", "why": done or f"The source says: {state}"}
        elif state and _plain(state) not in ("open", "", "needsinvestigation", "autogenerated", "notstarted"):
            self.dropped(at, f"the status “{_cut(state)}” of {quoted(said)}: kept as a note, not as a decision", id)
        threat, faults = read_own_threat(id, {name: value for name, value in entry.items() if value is not None})
        if threat is None:
            self.dropped(at, f"threat {quoted(said)}: {faults[0][1] if faults else 'it cannot be kept'}")
            return id
        self.threats[id] = threat
        self._note(at, f"threat {quoted(said)}", id)
        return id

    # -- the book -----------------------------------------------------------------------------------------------------

    def keep(self, at: str, what: str, id: str = "") -> None:
        """Note that something was kept, beyond the parts themselves."""
        self.kept.append(Note(at, _cut(what, 500), id))

    def guessed(self, at: str, what: str, id: str = "", of: str | None = None, assume: bool = False) -> None:
        """Note a guess. About a part of the model it becomes an assumption that nobody reviewed yet.

        With `of="kind"` that assumption is a question of the analysis.
        """
        what = _cut(what, 500)
        self.guesses.append(Note(at, what, id))
        if of or assume:
            self.system.assume(f"Guessed by the import of {self.format}: {what}", about=id, of=of)

    def dropped(self, at: str, what: str, id: str = "") -> None:
        """Note that something of the source is not in the new model."""
        self.drops.append(Note(at, _cut(what, 500), id))

    def id(self, part: str, key: Hashable) -> str | None:
        """The id of a part (boundary, element, flow, data or threat) that was added with this key; None for none."""
        try:
            return self._ids.get((part, key))
        except TypeError:  # a list where the source should have an id
            return None

    def done(self) -> Imported:
        """The result."""
        decisions = Decisions()
        decisions._state = State({}, self.threats)
        notes = (tuple(each) for each in (self.kept, self.guesses, self.drops))
        return Imported(self.format, self.system, decisions, self.positions, *notes)

    def _note(self, at: str, what: str, id: str, guess: str = "") -> None:
        self.keep(at, what, id)
        if guess:
            self.guessed(at, f"{what}: {guess}", id, assume=True)

    def _new_id(self, part: str, key: Hashable, name: Any, otherwise: str) -> str:
        self._count += 1
        self._boundaries += part == "boundary"
        self.expect(self._count, self._boundaries)
        base = slug(name) or slug(otherwise) or part
        id, count = base, self._counters.get(base, 1)
        while id in self._taken:
            count += 1
            id = f"{base}-{count}"
        self._counters[base] = count
        self._taken.add(id)
        try:
            self._ids.setdefault((part, key), id)
        except TypeError:
            self._ids[(part, id)] = id
        return id


# -- values of a source -----------------------------------------------------------------------------------------------


def slug(name: Any) -> str:
    """A name as an id: lower case, hyphens, at most 48 characters; empty where nothing of it is left.

    >>> slug("Größe & Web-App (1)"), slug("数据库"), slug(None)
    ('grosse-web-app-1', '', '')
    """
    if isinstance(name, tuple):
        name = name[-1] if name else ""
    if name is None or not isinstance(name, str | int | float):
        return ""
    plain = unicodedata.normalize("NFKD", str(name)[:200].replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:48].rstrip("-")


def text_of(value: Any) -> str | None:
    """A text or number of a source as whole text, at most MAX_TEXT characters; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = f"{value:.15g}" if isinstance(value, float) else _HALF.sub("\ufffd", str(value)).strip()
    return (text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…") or None


def number_of(value: Any) -> float | None:
    """A number of a source, also one that is written as a text; None where it is none or not finite.

    >>> number_of("12.5"), number_of("wide"), number_of(float("nan"))
    (12.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value[:50] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) < 1e9 else None


def truth_of(value: Any) -> bool | None:
    """A yes or no of a source, also one that is written as a text; None where it says neither."""
    if isinstance(value, bool):
        return value
    said = value.strip().lower() if isinstance(value, str) else value
    if said in ("true", "yes", "1", 1):
        return True
    return False if said in ("false", "no", "0", 0) else None


def list_of(value: Any) -> list[Any]:
    """A list of a source; empty where there is something else."""
    return value if isinstance(value, list) else []


def dict_of(value: Any) -> dict[str, Any]:
    """An object of a source; empty where there is something else."""
    return value if isinstance(value, dict) else {}


def protocol_of(value: Any) -> str | None:
    """A protocol of the vocabulary from a text such as `HTTP/S` or `HTTPS (TLS 1.2)`; None where it names no one.

    >>> protocol_of("HTTP/S"), protocol_of("HTTPS"), protocol_of("carrier pigeon")
    ('https', 'https', None)
    """
    said = (text_of(value) or "").lower().replace("http/s", "https")
    for word in (said, *re.findall(r"[a-z]+", said)):
        if word in vocabulary()["protocols"]:
            return word
    return None


def stride_of(value: Any) -> list[str]:
    """STRIDE categories of the catalogue from words, letters or a list of them; what is none of them is left out.

    >>> stride_of("Denial of service"), stride_of(["Spoofing", "Linkability"]), stride_of("S")
    (['denial_of_service'], ['spoofing'], ['spoofing'])
    """
    found = []
    for each in value if isinstance(value, list | tuple) else [value]:
        plain = _plain(text_of(each))
        names = {_plain(word): word for word in STRIDE} | {word[0]: word for word in STRIDE}
        found += [names[plain]] if plain in names else []
    return list(dict.fromkeys(found))


def quoted(*names: Any) -> str:
    """The first name that says something, in quotes and short."""
    texts = (text_of(name[-1] if isinstance(name, tuple) and name else name) for name in names)
    return f"“{_cut(next((text for text in texts if text), 'without a name'), 80)}”"


def _plain(text: str | None) -> str:
    return re.sub(r"[^a-z]", "", (text or "").lower())


def _name(name: Any, id: str) -> str | None:
    said = " ".join((text_of(name) or "").split())  # tools break names into lines to fit a shape
    return said if said and said != id else None


def _texts(more: dict[str, Any]) -> dict[str, Any]:
    """Attributes without those that say nothing; descriptions as whole text."""
    if "description" in more:
        more = {**more, "description": text_of(more["description"])}
    return {name: value for name, value in more.items() if value is not None}


def _cut(text: str, limit: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
