"""The System: a GPT application as data assets, trust boundaries, elements and flows. It is always valid.

A `System` owns its parts and checks each one as it is added, so a reference to something that does not exist cannot be
made. Two systems in one process share nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from threatkit.errors import ModelError, NotFoundError, Problem, nearest, shown
from threatkit.nouns import Assumption, Boundary, DataAsset, Element, Flow, Noun, Place
from threatkit.parts import attributes_of, build, checked_text, file_form, id_of
from threatkit.vocabulary import vocabulary

if TYPE_CHECKING:
    import networkx


class System:
    """A GPT application as a data flow diagram: data assets, trust boundaries, elements and flows.

    >>> app = System("Support GPT")
    >>> cloud = app.boundary("cloud", trust="trusted")
    >>> bot = app.element("assistant", "agent", boundary=cloud, properties=["send_message"])
    >>> llm = app.element("llm", "llm")
    >>> app.flow("prompt", bot, llm, carries=["pii"], protocol="https").target
    'llm'
    >>> app.element("assistant", "agent")
    Traceback (most recent call last):
    ...
    threatkit.errors.ModelError: element "assistant" exists already; ids of elements and flows are unique
    """

    def __init__(self, name: str, description: str | None = None):
        self._watchers: list[weakref.WeakMethod] = []
        self.name, self.description = name, description
        self._data: dict[str, DataAsset] = {}
        self._boundaries: dict[str, Boundary] = {}
        self._elements: dict[str, Element] = {}
        self._flows: dict[str, Flow] = {}
        self.assumptions: list[Assumption] = []
        self.source: Any = None  # set by modelfile.load: where the system came from
        self._graph: networkx.MultiDiGraph | None = None
        self._rooted: set[str] = set()  # boundaries that are known not to lie inside themselves

    @property
    def name(self) -> str:
        """What people call the system."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ModelError("a system needs a name")
        self._name = checked_text("name", name)
        self._changed()

    @property
    def description(self) -> str | None:
        """What the system is for, in a sentence or two."""
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._description = None if description is None else checked_text("description", description)
        self._changed()

    # -- reading ----------------------------------------------------------------------------------

    @property
    def data(self) -> dict[str, DataAsset]:
        """The data assets by id, a copy."""
        return dict(self._data)

    @property
    def boundaries(self) -> dict[str, Boundary]:
        """The trust boundaries by id, a copy."""
        return dict(self._boundaries)

    @property
    def elements(self) -> dict[str, Element]:
        """The elements by id, a copy."""
        return dict(self._elements)

    @property
    def flows(self) -> dict[str, Flow]:
        """The flows by id, a copy."""
        return dict(self._flows)

    def __getitem__(self, place: str) -> Element | Flow:
        """The element or flow with this id; NotFoundError with the nearest id where there is none."""
        found = self._elements.get(place) or self._flows.get(place)
        if found is None:
            raise NotFoundError(f"no element or flow {shown(place)}{nearest(place, [*self._elements, *self._flows])}")
        return found

    def __contains__(self, place: object) -> bool:
        return place in self._elements or place in self._flows

    def __iter__(self) -> Iterator[Element | Flow]:
        yield from self._elements.values()
        yield from self._flows.values()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, System) and self.to_dict() == other.to_dict()

    __hash__ = None  # a System can change

    def __repr__(self) -> str:
        return (
            f"<System {self.name!r}: {len(self._elements)} elements, {len(self._flows)} flows, "
            f"{len(self._boundaries)} boundaries>"
        )

    @property
    def graph(self) -> networkx.MultiDiGraph:
        """The data flow graph, built when first asked for and after each change. See `threatkit.graph`."""
        if self._graph is None:
            from threatkit.graph import build_graph

            self._graph = build_graph(self)
        return self._graph

    def classes(self, named: Iterable[str] | None) -> frozenset[str]:
        """The data classes behind a list of asset ids and data classes.

        >>> app = System("A"); _ = app.asset("chat", classification="confidential", personal=True)
        >>> sorted(app.classes(["chat", "code"]))
        ['code', 'confidential', 'pii']
        """
        found: set[str] = set()
        for entry in named or ():
            asset = self._data.get(entry)
            found |= asset.data_classes if asset else {entry}
        return frozenset(found)

    # -- building ---------------------------------------------------------------------------------

    def asset(self, id: str, **attributes: Any) -> DataAsset:
        """Add a data asset. Raises ModelError."""
        return self.add(build(DataAsset, id=id, **attributes))

    def boundary(self, id: str, *, inside: str | Boundary | None = None, **attributes: Any) -> Boundary:
        """Add a trust boundary, perhaps inside another one. Raises ModelError."""
        return self.add(build(Boundary, id=id, inside=id_of(inside), **attributes))

    def element(self, id: str, kind: str, *, boundary: str | Boundary | None = None, **attributes: Any) -> Element:
        """Add an element of a kind of the vocabulary. Raises ModelError."""
        return self.add(build(Element, id=id, kind=kind, boundary=id_of(boundary), **attributes))

    def flow(self, id: str, source: str | Element, target: str | Element, **attributes: Any) -> Flow:
        """Add a flow between two elements. Raises ModelError."""
        return self.add(build(Flow, id=id, source=id_of(source), target=id_of(target), **attributes))

    def assume(self, text: str, **attributes: Any) -> Assumption:
        """Write down an assumption. Raises ModelError."""
        return self.add(build(Assumption, text=text, **attributes))

    def add(self, part: Any) -> Any:
        """Add a noun that was made elsewhere, after checking every reference in it. Raises ModelError."""
        if not isinstance(part, Noun):
            raise ModelError(f"expected a part of a system, found {shown(part)}")
        problems = [message for _, message in self.problems_of(part)]
        if isinstance(part, Element | Flow) and part.id in self:
            kind = "element" if part.id in self._elements else "flow"
            problems.append(f'{kind} "{part.id}" exists already; ids of elements and flows are unique')
        if isinstance(part, Boundary) and part.id in self._boundaries:
            problems.append(f'boundary "{part.id}" exists already')
        if isinstance(part, DataAsset) and part.id in self._data:
            problems.append(f'data asset "{part.id}" exists already')
        self._refuse(problems)
        self._put(part)
        self._changed()
        return part

    def replace(self, part: str | Element | Flow | Boundary | DataAsset, **changes: Any) -> Any:
        """Change attributes of a part, given by id (element or flow) or as an object; returns the new part.

        >>> app = System("A"); _ = app.element("bot", "agent")
        >>> app.replace("bot", controls=["human_approval"]).controls
        ('human_approval',)
        """
        old = self._own(part)
        if "id" in changes and changes["id"] != old.id:
            raise ModelError("an id cannot be replaced, since flows and decisions refer to it; use rename")
        new = build(type(old), **{**attributes_of(old), **{name: id_of(value) for name, value in changes.items()}})
        self._refuse(message for _, message in self.problems_of(new))
        self._put(new)
        self._changed()
        return new

    def rename(self, old: str | Element | Flow | Boundary | DataAsset, new: str) -> None:
        """Give a part another id, in everything that refers to it; `old` is an id (element or flow) or the part."""
        part = self._own(old)
        table = self._table(part)
        if new in (self if isinstance(part, Element | Flow) else table):
            which = "elements and flows" if isinstance(part, Element | Flow) else f"each {_noun(part)}"
            raise ModelError(f"{shown(new)} exists already; ids of {which} are unique")
        renamed = build(type(part), **{**attributes_of(part), "id": new})
        items = [(new, renamed) if key == part.id else (key, value) for key, value in table.items()]
        table.clear()
        table.update(items)
        for user, attribute in self._users(part):
            said = getattr(user, attribute)
            named = new if said == part.id else tuple(new if entry == part.id else entry for entry in said)
            self._put(self._table(user)[user.id].model_copy(update={attribute: named}))
        if not self._is_known(part.id):
            self.assumptions = [
                a.model_copy(update={"about": new}) if a.about == part.id else a for a in self.assumptions
            ]
        self._graph = None
        self._rooted.clear()
        self._changed()

    def _users(self, part: Any) -> list[tuple[Any, str]]:
        """Everything that refers to a part, with the attribute in which it does."""
        if isinstance(part, Element):
            return [
                (f, end) for f in self._flows.values() for end in ("source", "target") if getattr(f, end) == part.id
            ]
        if isinstance(part, Boundary):
            inner = [(b, "inside") for b in self._boundaries.values() if b.inside == part.id]
            return [(e, "boundary") for e in self._elements.values() if e.boundary == part.id] + inner
        if isinstance(part, DataAsset):
            holds = [(e, "holds") for e in self._elements.values() if part.id in (e.holds or ())]
            return holds + [(f, "carries") for f in self._flows.values() if part.id in (f.carries or ())]
        return []

    def remove(self, part: str | Element | Flow | Boundary | DataAsset) -> None:
        """Remove a part; an element takes its flows with it, a boundary hands its content to the one around it."""
        part = self._own(part)
        if isinstance(part, Flow):
            del self._flows[part.id]
        elif isinstance(part, Element):
            del self._elements[part.id]
            touching = [flow.id for flow in self._flows.values() if part.id in (flow.source, flow.target)]
            for flow_id in touching:
                del self._flows[flow_id]
        elif isinstance(part, Boundary):
            del self._boundaries[part.id]
            for user, attribute in self._users(part):
                self._put(user.model_copy(update={attribute: part.inside}))
        else:
            users = [user.id for user, _ in self._users(part)]
            self._refuse([f'data asset "{part.id}" is used by {", ".join(users[:5])}'] if users else [])
            del self._data[part.id]
        self.assumptions = [a for a in self.assumptions if a.about is None or self._is_known(a.about)]
        self._graph = None
        self._changed()

    def _own(self, part: Any) -> Any:
        """The part of this system with that id, as it is now; NotFoundError for one of another system."""
        if isinstance(part, str):
            return self[part]
        own = self._table(part).get(part.id)
        if own is None:
            raise NotFoundError(f"this system has no {_noun(part)} {shown(part.id)}")
        return own

    def _table(self, part: Any) -> dict[str, Any]:
        for noun, table in (
            (DataAsset, self._data),
            (Boundary, self._boundaries),
            (Element, self._elements),
            (Flow, self._flows),
        ):
            if isinstance(part, noun):
                return table
        raise ModelError(f"expected an element, flow, boundary or data asset, found {shown(part)}")

    def copy(self) -> System:
        """An independent copy; its parts are shared, since they cannot change."""
        twin = System(self.name, self.description)
        twin._become(self)
        twin.source = self.source
        return twin

    def with_controls(self, wanted: Any) -> System:
        """A copy with these controls in place: {place: [controls]} or (control, place) pairs; see `compare`."""
        from threatkit.controls import with_controls

        return with_controls(self, wanted)

    def add_control(self, place: str, word: str) -> Element | Flow:
        """Put a control in place here; returns the changed element or flow. Raises NotFoundError, ModelError."""
        from threatkit.controls import add_control

        return add_control(self, place, word)

    def _become(self, other: System) -> None:
        """Take the name and the parts of another system; what it was saved to stays as it is."""
        self._name, self._description = other._name, other._description
        for table in ("_data", "_boundaries", "_elements", "_flows"):
            setattr(self, table, dict(getattr(other, table)))
        self.assumptions = list(other.assumptions)
        self._graph = None
        self._rooted.clear()
        self._changed()

    # -- being watched ----------------------------------------------------------------------------

    def _watch(self, method: Callable[[], None]) -> None:
        """Call a bound method after each change, for as long as its object lives. Copies are not watched."""
        self._watchers.append(weakref.WeakMethod(method))

    def _changed(self) -> None:
        for watcher in list(self._watchers):
            method = watcher()
            if method is None:
                self._watchers.remove(watcher)
            else:
                method()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_watchers": [], "_graph": None}

    def to_dict(self) -> dict[str, Any]:
        """The system as the plain values of a model file; what is unknown is left out."""
        result: dict[str, Any] = {"threatkit": 1, "name": self.name}
        if self.description is not None:
            result["description"] = self.description
        for section, table in (("data", self._data), ("boundaries", self._boundaries), ("elements", self._elements)):
            if table:
                result[section] = {key: file_form(part) for key, part in table.items()}
        if self._flows:
            result["flows"] = [{"id": flow.id, **file_form(flow)} for flow in self._flows.values()]
        if self.assumptions:
            result["assumptions"] = [file_form(assumption) for assumption in self.assumptions]
        return result

    # -- checking ---------------------------------------------------------------------------------

    def problems_of(self, part: Any) -> Iterator[tuple[str, str]]:
        """What is wrong with the references of a part: (attribute, message) pairs."""
        if isinstance(part, Element):
            yield from self._reference("in", part.boundary, self._boundaries, "boundary")
            yield from self._data_names("holds", part.holds)
        elif isinstance(part, Flow):
            yield from self._reference("from", part.source, self._elements, "element")
            yield from self._reference("to", part.target, self._elements, "element")
            yield from self._data_names("carries", part.carries)
        elif isinstance(part, Boundary):
            if part.inside != part.id:
                yield from self._reference("inside", part.inside, self._boundaries, "boundary")
            yield from self._cycle(part)
        elif isinstance(part, Assumption) and part.about is not None and not self._is_known(part.about):
            known = [*self._elements, *self._flows, *self._boundaries, *self._data]
            yield "about", f"nothing is called {shown(part.about)}{nearest(part.about, known)}"
        if isinstance(part, Place):
            present = {*part.controls, *getattr(part, "properties", ())}
            for word in part.without:
                if word in present:
                    yield "without", f'"{word}" is said to be there and not to be there'

    def _reference(self, attribute: str, wanted: str | None, table: dict, noun: str) -> Iterator[tuple[str, str]]:
        if wanted is not None and wanted not in table:
            yield attribute, f"there is no {noun} {shown(wanted)}{nearest(wanted, table)}"

    def _data_names(self, attribute: str, named: Iterable[str] | None) -> Iterator[tuple[str, str]]:
        classes = vocabulary()["data_classes"]
        for entry in named or ():
            if entry not in self._data and entry not in classes:
                known = [*self._data, *classes]
                yield attribute, f"there is no data asset or data class {shown(entry)}{nearest(entry, known)}"

    def _cycle(self, boundary: Boundary) -> Iterator[tuple[str, str]]:
        seen, around = {boundary.id}, boundary.inside
        while around is not None and around not in seen and around not in self._rooted:
            seen.add(around)
            next_out = self._boundaries.get(around)
            around = next_out.inside if next_out else None
        if around == boundary.id:
            yield "inside", f'boundary "{boundary.id}" lies inside itself'
        elif around not in seen:
            self._rooted |= seen

    def _is_known(self, id: str) -> bool:
        return id in self or id in self._boundaries or id in self._data

    def _refuse(self, problems: Iterable[str]) -> None:
        found = list(problems)
        if found:
            raise ModelError(Problem("", 0, 0, message) for message in found)

    def _put(self, part: Any) -> None:
        if isinstance(part, Assumption):
            self.assumptions.append(part)
            return
        self._table(part)[part.id] = part
        self._graph = None
        self._rooted.clear()


def _noun(part: Noun) -> str:
    return type(part).__name__.lower()
