"""Views: what one figure shows beside the structure. Trust, data, encryption, taint, one finding, or coverage.

A view says how each flow and element looks and what the alt text says. It never moves anything: every view of a
system has the same layout. What is so comes from `threatkit.facts`; here it only gets a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram
from threatkit.errors import NotFoundError, ThreatkitError, nearest, shown

if TYPE_CHECKING:
    from threatkit.draw.cells import Marks
    from threatkit.facts import Facts
    from threatkit.findings import Finding

VIEWS = ("dfd", "trust", "data", "encryption", "taint", "finding", "coverage")
WORDS = "Data flow diagram with trust boundaries"
_MOST_LISTED = 14


@dataclass(frozen=True)
class Style:
    """How flows of one kind are drawn; the heaviest on a line wins. `words` is its entry in the legend."""

    words: str
    colour: str
    dashes: Any
    width: float
    weight: int
    sign: str = ""  # a short mark that goes with it


@dataclass(frozen=True)
class Stroke:
    """One flow in a view: its style, and wordings of the mark on it, the longest first. `bar` is drawn across it."""

    style: Style
    marks: tuple[str, ...] = ()
    bar: bool = False


@dataclass(frozen=True)
class Look:
    """How a box is drawn; its shape stays."""

    edge: str = theme.INK
    width: float = 1.3
    fill: str = "#FFFFFF"
    dashes: Any = "-"
    ink: str = theme.INK


@dataclass(frozen=True)
class Tag:
    """A short text on the edge of a box, in wordings from the longest to the shortest."""

    words: tuple[str, ...]
    colour: str = theme.INK


@dataclass(frozen=True)
class View:
    """What a picture shows: looks by id of flow and of box, words for the title, the legend and the alt text."""

    name: str
    subtitle: str
    sentences: tuple[str, ...] = ()
    flows: dict[str, Stroke] = field(default_factory=dict)
    boxes: dict[str, Look] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    tinted: bool = False  # boundaries by their trust; else they stay grey
    legend: tuple[tuple[str, Any, str], ...] = ()  # signs beside those of the flows: what, how it looks, words

    @property
    def styles(self) -> list[Style]:
        """The styles that occur, the heaviest first."""
        return sorted({stroke.style for stroke in self.flows.values()}, key=lambda s: (-s.weight, s.words))


def check_view(show: str) -> None:
    """Raise ThreatkitError with the nearest word for a view that does not exist."""
    if show not in VIEWS:
        known = ", ".join(VIEWS)
        raise ThreatkitError(f"no view {shown(show)}; views are {known}{nearest(show, VIEWS)}")


def view_of(show: str, facts: Facts, diagram: Diagram, data: str | None = None, marks: Marks | None = None) -> View:
    """The view with this name of what the diagram shows; `marks` for coverage. NotFoundError for unknown data."""
    from threatkit.draw import view_coverage, view_data, view_reach, view_transit

    makers: dict[str, Callable[[Scene], View]] = {
        "trust": view_transit.trust,
        "encryption": view_transit.encryption,
        "taint": view_reach.taint,
    }
    scene = Scene(facts, diagram)
    if show == "data":
        return view_data.data(scene, data)
    if show == "coverage":
        return view_coverage.coverage(scene, marks or {})
    return makers[show](scene)


def finding_view(finding: Finding, diagram: Diagram, names: Callable[[str], str]) -> View:
    """The path of one finding: what is lit is chosen elsewhere, this is the words."""
    places = listed([names(place) for place in finding.places])
    title = theme.clean(finding.title, 120)
    way = " → ".join(names(step) for step in finding.path)
    said = [f'Lit is the finding "{title}" at {places}, risk {finding.risk.score} ({finding.risk.level})']
    if way:
        said.append(f"Its path: {way}")
    lit = {*finding.places, *finding.path}
    there = diagram.flows | {member for node in diagram.nodes.values() for member in node.members}
    if not lit & there:
        said.append("Nothing of it is drawn here")
    return View("finding", f"{title}: {places}", tuple(said))


class Scene:
    """Facts seen on what a diagram shows, and names for people."""

    def __init__(self, facts: Facts, diagram: Diagram):
        self.facts, self.diagram, self.system = facts, diagram, facts.system
        index = facts.index
        self.flows: dict[str, int] = {f.id: i for i, f in enumerate(index.flows) if f.id in diagram.flows}
        self.elements: dict[str, int] = {m: index.number[m] for n in diagram.nodes.values() for m in n.members}

    def name(self, id: str) -> str:
        """The name of an element or flow, fit for a sentence."""
        return short_name(self.system, id)

    def tell(self, flow: str) -> str:
        """A flow in words: its name and its ends."""
        part = self.system[flow]
        return f'"{self.name(flow)}" from {self.name(part.source)} to {self.name(part.target)}'

    def told(self, flows: Iterable[str], note: Callable[[str], str] | None = None) -> str:
        """Flows in words, the first of them."""
        return listed([self.tell(flow) + (f" ({note(flow)})" if note else "") for flow in flows], "; ")

    def tagged(self, words: dict[str, tuple[str, ...]], colour: str = theme.INK) -> dict[str, Tag]:
        """Tags for boxes from words of elements: the words themselves, or for a group how many have them."""
        tags = {}
        for node in self.diagram.nodes.values():
            inside = [words[member] for member in node.members if member in words]
            if node.shape != "group" and node.count == 1 and inside:
                tags[node.id] = Tag(inside[0], colour)
            elif inside:
                counts = dict.fromkeys(text[0] for text in inside)
                said = ", ".join(f"{sum(t[0] == text for t in inside)}× {text}" for text in counts)
                tags[node.id] = Tag((said, f"{len(inside)}× {inside[0][-1]}"), colour)
        return tags


def short_name(system: Any, id: str) -> str:
    """The name of an element or flow of a system, cleaned and at most 60 characters long."""
    name = theme.clean(system[id].label, 60)
    return name or id


def listed(names: Sequence[str], between: str = ", ", most: int = _MOST_LISTED) -> str:
    """Names one after the other, and how many more there are."""
    more = len(names) - most
    return between.join(names[:most]) + (f" and {more} more" if more > 0 else "")


def of(count: int, whole: int, noun: str) -> str:
    """How many of how many: `4 of 20 flows`."""
    return f"{count} of {whole} {noun if whole == 1 else noun + 's'}"


def verb(count: int, one: str, many: str) -> str:
    """The verb that fits a count."""
    return one if count == 1 else many


def asset_or_class(system: Any, data: str) -> None:
    """Raise NotFoundError where `data` names neither a data asset of the system nor a data class."""
    from threatkit.vocabulary import words

    known = [*system.data, *words("data_classes")]
    if data not in known:
        raise NotFoundError(f"no data asset or data class {shown(data)}{nearest(data, known)}")
