"""The edits that the editor's canvas can ask for, applied to a System: each one entirely, or not at all.

An edit is plain data such as `{"do": "rename", "part": "element", "id": "bot", "to": "assistant"}`. `apply_edit` works
on a copy that the caller throws away where a ModelError or NotFoundError comes back.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from threatkit.errors import ModelError, NotFoundError, nearest, shown
from threatkit.model import System
from threatkit.nouns import Boundary, DataAsset, Element, Flow, Noun
from threatkit.parts import build, fields_of
from threatkit.widgets.positions import Point, automatic, checked

PARTS: dict[str, type[Noun]] = {"element": Element, "flow": Flow, "boundary": Boundary, "data": DataAsset}
MOST_AT_ONCE = 1_000  # edits in one message
MOST_TEXT = 1_000_000  # characters of one message
_TABLES = {"element": "elements", "flow": "flows", "boundary": "boundaries", "data": "data"}
_NOT_AN_ID = re.compile(r"[^A-Za-z0-9_]+")


def check_size(edit: Any) -> None:
    """Refuse what is no edit, or too large to be meant. Raises ModelError."""
    if not isinstance(edit, dict):
        raise ModelError(f"expected an edit, found {shown(edit)}")
    try:
        size = len(json.dumps(edit))
    except (TypeError, ValueError, RecursionError):
        raise ModelError("an edit holds plain values only") from None
    if size > MOST_TEXT:
        raise ModelError(f"this edit has {size} characters; at most {MOST_TEXT} are taken at once")


def apply_edit(system: System, positions: dict[str, Point], edit: dict[str, Any]) -> tuple[list[str], str, set[str]]:
    """Make an edit. Returns the touched ids, what was done in a few words, and the keys that were given a place.

    Raises ModelError, NotFoundError; then `system` and `positions` may be half changed.
    """
    do = edit.get("do") if isinstance(edit, dict) else None
    if do == "all":
        return _several(system, positions, edit)
    if not isinstance(do, str) or do not in _EDITS:
        raise ModelError(f"unknown edit {shown(do)}{nearest(do, _EDITS)}")
    ids, says, given = _EDITS[do](system, positions, edit)
    if do != "move" and edit.get("positions") is not None:
        moved = checked(edit["positions"], system)
        positions.update(moved)
        given |= moved.keys()
    return ids, says, given


def _several(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    edits = edit.get("edits")
    if not isinstance(edits, list) or not 0 < len(edits) <= MOST_AT_ONCE:
        raise ModelError(f"edits: expected a list of 1 to {MOST_AT_ONCE} edits")
    if any(isinstance(each, dict) and each.get("do") == "all" for each in edits):
        raise ModelError("edits: a list of edits holds no further list")
    done = [apply_edit(system, positions, each) for each in edits]
    ids = list(dict.fromkeys(id for found, _, _ in done for id in found))
    says = done[0][1] if len({says for _, says, _ in done}) == 1 else f"{len(done)} changes"
    return ids, says, {key for _, _, given in done for key in given}


def _add(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    which, noun = _noun(edit)
    values = {key: value for key, value in _values(edit).items() if value is not None}
    if "id" not in values:
        values["id"] = _new_id(system, which, values)
    part = system.add(build(noun, **values))
    given: dict[str, Point] = {}
    if edit.get("at") is not None and which in ("element", "boundary"):
        given = checked({_key(which, part.id): edit["at"]}, system)
        positions.update(given)
    return [part.id], f"add {which} {_called(part)}", set(given)


def _change(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    which, noun = _noun(edit)
    part, names = _part(system, edit), {alias: name for name, alias, _ in fields_of(noun)}
    changes = {}
    for key, value in _values(edit).items():
        name = names.get(key, key)
        field = noun.model_fields.get(name)
        changes[name] = field.default if value is None and field is not None and not field.is_required() else value
    system.replace(part, **changes)
    return [part.id], f"change {which} {_called(part)}", set()


def _rename(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    which, _ = _noun(edit)
    part, to = _part(system, edit), edit.get("to")
    if not isinstance(to, str):
        raise ModelError(f"to: expected an id, found {shown(to)}")
    if to == part.id:
        return [part.id], f"rename {which}", set()
    system.rename(part, to)
    place = positions.pop(_key(which, part.id), None) if which in ("element", "boundary") else None
    if place is not None:
        positions[_key(which, to)] = place
    return [to], f"rename {which} {_called(part)}", set()


def _remove(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    named = edit.get("parts")
    if not isinstance(named, list) or not 0 < len(named) <= MOST_AT_ONCE:
        raise ModelError(f"parts: expected a list of 1 to {MOST_AT_ONCE} parts")
    order = ["flow", "element", "boundary", "data"]  # so that a part does not take away one that is named, too
    wanted = {(_noun(entry)[0], _part(system, entry).id): _part(system, entry) for entry in named}
    for _, part in sorted(wanted.items(), key=lambda pair: order.index(pair[0][0])):
        system.remove(part)
    first = next(iter(wanted.items()))
    says = f"remove {first[0][0]} {_called(first[1])}" if len(wanted) == 1 else f"remove {len(wanted)} parts"
    return [id for _, id in wanted], says, set()


def _move(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    moved = checked(edit.get("positions"), system)
    positions.update(moved)
    return list(moved), "move", set(moved)


def _arrange(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    positions.clear()
    positions.update(automatic(system))
    return [], "arrange", set(positions)


def _title(system: System, positions: dict[str, Point], edit: dict) -> tuple[list[str], str, set[str]]:
    if "name" in edit:
        system.name = edit["name"]
    if "description" in edit:
        system.description = edit["description"] or None
    return [], "change the title", set()


_EDITS: dict[str, Callable[[System, dict, dict], tuple[list[str], str, set[str]]]] = {
    "add": _add,
    "change": _change,
    "rename": _rename,
    "remove": _remove,
    "move": _move,
    "arrange": _arrange,
    "title": _title,
}


def _noun(edit: Any) -> tuple[str, type[Noun]]:
    which = edit.get("part") if isinstance(edit, dict) else None
    if not isinstance(which, str) or which not in PARTS:
        raise ModelError(f"part: expected one of {', '.join(PARTS)}, found {shown(which)}")
    return which, PARTS[which]


def _part(system: System, edit: dict) -> Any:
    which, id = edit["part"], edit.get("id")
    table = getattr(system, _TABLES[which])
    if not isinstance(id, str) or id not in table:
        raise NotFoundError(f"there is no {which} {shown(id)}{nearest(id, table)}")
    return table[id]


def _values(edit: dict) -> dict[str, Any]:
    values = edit.get("set")
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ModelError(f"set: expected attributes with their values, found {shown(values)}")
    return values


def _key(which: str, id: str) -> str:
    return id if which == "element" else f"boundary:{id}"


def _called(part: Any) -> str:
    return shown(part.name or part.id, 30)


def _new_id(system: System, which: str, values: dict[str, Any]) -> str:
    """A short id that is free, from the name where it has letters, else from the ends of a flow or the kind."""
    said = values.get("name") if isinstance(values.get("name"), str) else ""
    plain = unicodedata.normalize("NFKD", said[:200]).encode("ascii", "ignore").decode("ascii")
    base = _NOT_AN_ID.sub("_", plain.lower()).strip("_")[:40].strip("_")
    if not base and which == "flow":
        base = "_to_".join(str(values.get(end, ""))[:24] for end in ("from", "to"))
    if not base and which == "element":
        base = str(values.get("kind", which))[:40]
    base = _NOT_AN_ID.sub("_", base).strip("_") or which
    taken = getattr(system, _TABLES[which]) if which in ("boundary", "data") else system
    number, id = 1, base
    while id in taken:
        number += 1
        id = f"{base}_{number}"
    return id
