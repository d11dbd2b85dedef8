"""What is to be drawn, as plain data: nodes, nested frames and links, made from a System.

A link joins two nodes and stands for all flows between them, in either direction: a request and its reply are
one line. A node is an element, or in an overview a boundary with everything in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from threatkit.draw import theme
from threatkit.model import Boundary, Element, System

MOST_NODES = 60  # above this nobody reads a data flow diagram
OVERVIEW_NODES, OVERVIEW_LINKS = 24, 60


@dataclass(frozen=True)
class Node:
    """A box: an element, or a collapsed group of elements."""

    id: str
    shape: str  # external, process, store or group
    kind: str  # the word in «» above the name
    rows: tuple[str, ...]  # the name, wrapped
    frame: str | None
    name: str
    count: int = 1  # how many elements it stands for
    trust: str | None = None  # of a collapsed boundary
    members: tuple[str, ...] = ()  # the elements it stands for

    @property
    def is_boundary(self) -> bool:
        """Whether the box stands for whole boundaries, so that every line to it crosses one."""
        return self.shape == "group" and self.kind in ("boundary", "boundaries")

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points, from the text in it."""
        wide, high = theme.block_size(self.rows, theme.NAME_SIZE)
        kind_wide, kind_high = theme.block_size((f"«{self.kind}»",), theme.KIND_SIZE)
        return max(64.0, max(wide, kind_wide) + 18), max(36.0, high + kind_high + 11)


@dataclass(frozen=True)
class Frame:
    """A trust boundary around nodes and other frames."""

    id: str
    name: str
    trust: str | None
    inside: str | None
    rows: tuple[str, ...]  # name and trust as lettered on the frame

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the lettering, in points."""
        return theme.block_size(self.rows, theme.LABEL_SIZE)


@dataclass(frozen=True)
class Link:
    """All flows between two nodes. `forward` and `backward` hold (flow ids, text) for each label."""

    id: str
    source: str
    target: str
    forward: tuple[tuple[tuple[str, ...], str], ...]
    backward: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def flows(self) -> tuple[str, ...]:
        return tuple(flow for ids, _ in (*self.forward, *self.backward) for flow in ids)


@dataclass(frozen=True)
class Diagram:
    """Nodes, frames and links by id, in drawing order; `note` says what was left out or drawn together."""

    name: str
    nodes: dict[str, Node]
    frames: dict[str, Frame]
    links: dict[str, Link]
    note: str = ""
    ancestors: dict[str | None, tuple[str, ...]] = field(default_factory=dict)  # frame -> itself and those around it

    def chain(self, node: str) -> tuple[str, ...]:
        """The frames around a node, innermost first."""
        return self.ancestors[self.nodes[node].frame]

    def crossed(self, link: Link) -> frozenset[str]:
        """The frames whose edge a link crosses: those around exactly one of its ends."""
        return frozenset(self.chain(link.source)) ^ frozenset(self.chain(link.target))

    def crosses(self, link: Link) -> bool:
        """Whether the flows of a link cross a trust boundary, drawn as a frame or collapsed into a box."""
        collapsed = any(self.nodes[end].is_boundary for end in (link.source, link.target))
        return link.source != link.target and (collapsed or bool(self.crossed(link)))

    @property
    def flows(self) -> frozenset[str]:
        return frozenset(flow for link in self.links.values() for flow in link.flows)


def diagram(system: System, boundary: str | None = None) -> Diagram:
    """The right diagram for a system: all of it, or an overview if it is large, or one boundary's content."""
    if boundary is not None:
        return part(system, boundary)
    return whole(system) if len(system.elements) <= MOST_NODES else overview(system)


def whole(system: System) -> Diagram:
    """Every element, every boundary, every flow."""
    return _build(system, {id: id for id in system.elements}, list(system.boundaries))


def overview(system: System) -> Diagram:
    """Boundaries collapsed into one node each, opened from the outside in while the result stays readable."""
    world = _Nesting(system)
    opened: set[str] = set()
    best = _collapsed(system, world, opened)
    while True:
        closed = [b for b in world.roots if b not in opened]
        closed += [c for b in opened for c in world.children[b] if c not in opened]
        closed = [b for b in closed if world.children[b]]
        if not closed:
            break
        more = opened | set(closed)
        trial = _collapsed(system, world, more)
        if len(trial.nodes) > OVERVIEW_NODES or len(trial.links) > OVERVIEW_LINKS:
            break
        opened, best = more, trial
    keep = OVERVIEW_NODES
    while len(best.nodes) > OVERVIEW_NODES or len(best.links) > OVERVIEW_LINKS:
        keep = keep // 2 if keep > 4 else keep - 1
        best = _collapsed(system, world, set(), keep)
        if keep <= 1:
            break
    return best


def part(system: System, boundary: str) -> Diagram:
    """The content of one boundary; what it talks to outside is collapsed when there is much of it."""
    from threatkit.errors import NotFoundError, nearest, shown

    if boundary not in system.boundaries:
        raise NotFoundError(f"no boundary {shown(boundary)}{nearest(boundary, system.boundaries)}")
    world = _Nesting(system)
    own = {e.id for e in system.elements.values() if boundary in world.chain[e.boundary]}
    touching = [f for f in system.flows.values() if f.source in own or f.target in own]
    near = {end for flow in touching for end in (flow.source, flow.target)} - own
    groups = {id: id for id in own | near}
    if len(groups) > MOST_NODES:  # first the neighbours, each into the outermost boundary that does not hold ours
        around = set(world.chain[boundary])
        for id in near:
            outer = [b for b in world.chain[system.elements[id].boundary] if b not in around]
            groups[id] = f"{outer[-1]}/" if outer else "/"
    if len(set(groups.values())) > MOST_NODES:  # then the boundaries inside
        for id in own:
            inner = world.chain[system.elements[id].boundary]
            if inner[0] != boundary:
                groups[id] = f"{inner[inner.index(boundary) - 1]}/"
    if len(set(groups.values())) > MOST_NODES:  # then its own elements, by their shape
        for id in own:
            if system.elements[id].boundary == boundary:
                groups[id] = f"{boundary}/{system.elements[id].shape}"
    frames = set()
    for id, group in groups.items():
        chain = world.chain[system.elements[id].boundary]
        if group.endswith("/"):
            inner = group[:-1]
            chain = world.chain[inner][1:] if inner else ()
        frames.update(chain)
    closed = {group[:-1] for group in groups.values() if group.endswith("/")}
    frames |= {b for b in system.boundaries if boundary in world.chain[b] and not closed & set(world.chain[b])}
    wanted = [b for b in system.boundaries if b in frames]
    name = f"{theme.clean(system.name, 80)}: {_title(system.boundaries[boundary])}"
    return _build(system, groups, wanted, name=name, flows={flow.id for flow in touching})


class _Nesting:
    """Who lies in whom: chains from the inside out, children, roots."""

    def __init__(self, system: System):
        self.children: dict[str, list[str]] = defaultdict(list)
        self.roots: list[str] = []
        self.chain: dict[str | None, tuple[str, ...]] = {None: ()}
        bounds = system.boundaries
        for id, boundary in bounds.items():
            (self.children[boundary.inside] if boundary.inside else self.roots).append(id)
            path, at = [], id
            while at is not None:
                path.append(at)
                at = bounds[at].inside
            self.chain[id] = tuple(path)


def _collapsed(system: System, world: _Nesting, opened: set[str], keep: int | None = None) -> Diagram:
    """Each boundary that is not opened, and that lies in opened ones only, becomes one node."""
    sizes = Counter(world.chain[e.boundary][-1] for e in system.elements.values() if e.boundary)
    shown = {b for b, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))[:keep]} if keep else None
    groups: dict[str, str] = {}
    for element in system.elements.values():
        chain = world.chain[element.boundary]
        closed = [b for b in chain if b not in opened]
        if shown is not None and chain and chain[-1] not in shown:
            groups[element.id] = "+/"
        elif closed:
            groups[element.id] = f"{closed[-1]}/"
        else:
            groups[element.id] = f"{element.boundary or ''}/."
    empty = [b for b in world.chain if b and all(a in opened for a in world.chain[b][1:]) and b not in opened]
    extra = [f"{b}/" for b in empty if shown is None] if len(empty) <= OVERVIEW_NODES else []
    return _build(system, groups, [b for b in system.boundaries if b in opened], extra=extra)


def _build(
    system: System,
    groups: dict[str, str],
    boundaries: Iterable[str],
    *,
    name: str | None = None,
    flows: set[str] | None = None,
    extra: Iterable[str] = (),
) -> Diagram:
    """A diagram in which each element belongs to the node that `groups` names."""
    world = _Nesting(system)
    frames = {b: _frame(system.boundaries[b]) for b in boundaries}
    members: dict[str, list[Element]] = defaultdict(list)
    for element in system.elements.values():
        if element.id in groups:
            members[groups[element.id]].append(element)
    for group in extra:
        members.setdefault(group, [])
    nodes = {group: _node(system, group, inside, frames, world) for group, inside in members.items()}
    nodes = dict(sorted(nodes.items(), key=lambda pair: pair[1].shape != "external"))
    grouped = any(node.shape == "group" for node in nodes.values())
    note = ""
    if grouped:
        note = f"Overview of {len(system.elements)} elements: boundaries are collapsed, numbers count flows"
    return Diagram(
        name=name or theme.clean(system.name, 120),
        nodes=nodes,
        frames=frames,
        links=_links(system, groups, nodes, flows),
        note=note,
        ancestors={None: (), **{b: tuple(a for a in world.chain[b] if a in frames) for b in frames}},
    )


def _frame(boundary: Boundary) -> Frame:
    rows = theme.wrap(_title(boundary), 190, theme.LABEL_SIZE, 2)
    return Frame(boundary.id, theme.clean(boundary.name or boundary.id), boundary.trust, boundary.inside, rows)


def _title(boundary: Boundary) -> str:
    name = theme.clean(boundary.name or boundary.id, 60) or boundary.id
    return f"{name} ({(boundary.trust or 'trust unknown').replace('_', '-')})"


def _node(system: System, group: str, inside: list[Element], frames: dict[str, Frame], world: _Nesting) -> Node:
    if len(inside) == 1 and inside[0].id == group:
        element = inside[0]
        name = theme.clean(element.label) or element.id
        rows = theme.wrap(name, 100, theme.NAME_SIZE, 3)
        return Node(
            group, element.shape, element.kind.replace("_", " "), rows, element.boundary, name, members=(group,)
        )
    owner = group.split("/")[0]
    boundary = system.boundaries.get(owner)
    tail = group[len(owner) + 1 :]
    trust = boundary.trust if boundary else None
    if tail in ("external", "process", "store"):
        shape, name, kind, frame = tail, f"{len(inside)} × {theme.SHAPE_WORDS[tail]}", "group", owner
    elif tail == ".":
        shape, name, kind = "group", f"{len(inside)} elements directly here", "elements"
        frame = owner or None
        name = name if owner else f"{len(inside)} elements outside any boundary"
    elif owner == "+":
        others = {world.chain[e.boundary][-1] for e in inside}
        shape, kind, frame = "group", "boundaries", None
        name = f"{len(others)} more boundaries: {len(inside)} elements"
    elif boundary is None:
        shape, kind, frame, name = "group", "elements", None, f"{len(inside)} elements outside any boundary"
    else:
        shape, kind = "group", "boundary"
        name = f"{_title(boundary)}: {len(inside)} elements"
        frame = next((a for a in world.chain[owner][1:] if a in frames), None)
    rows, members = theme.wrap(name, 130, theme.NAME_SIZE, 4), tuple(element.id for element in inside)
    return Node(group, shape, kind, rows, frame, name, len(inside), trust, members)


def _links(system: System, groups: dict[str, str], nodes: dict[str, Node], flows: set[str] | None) -> dict[str, Link]:
    pairs: dict[tuple[str, str], tuple[list, list]] = {}
    for flow in system.flows.values():
        if flows is not None and flow.id not in flows:
            continue
        source, target = groups.get(flow.source), groups.get(flow.target)
        collapsed = source == target and (flow.source != source or flow.target != target)
        if source is None or target is None or collapsed:
            continue
        if (target, source) in pairs and source != target:
            pairs[target, source][1].append(flow)
        else:
            pairs.setdefault((source, target), ([], []))[0].append(flow)
    links = {}
    for number, ((source, target), (there, back)) in enumerate(pairs.items()):
        plain = all(nodes[end].shape != "group" and nodes[end].count == 1 for end in (source, target))
        forward, backward = _labels(there, plain), _labels(back, plain)
        links[f"l{number}"] = Link(f"l{number}", source, target, forward, backward)
    return links


def _labels(flows: list, plain: bool) -> tuple[tuple[tuple[str, ...], str], ...]:
    if plain:
        return tuple(((flow.id,), theme.clean(flow.label, 120) or flow.id) for flow in flows)
    if not flows:
        return ()
    ids = tuple(flow.id for flow in flows)
    return ((ids, "1 flow" if len(ids) == 1 else f"{len(ids)} flows"),)
