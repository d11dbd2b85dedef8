"""Change values in YAML text and leave every other character as it was: comments, order, alignment.

`edit_yaml` compares the values in the text with the wanted ones and splices only what differs. The result is
parsed again and must give exactly the wanted values, or nothing is returned: a wrong edit cannot be written.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any

from threatkit.errors import ModelError, Problem
from threatkit.yamltext import BOM, Document, events, parse_yaml

_BREAK = re.compile(r"\r\n|[\n\r]")
_COMMA = re.compile(r"\s*,")
_PLAIN = re.compile(r"[^\W\d](?:[\w ./()'+\-]*[\w./()'+\-])?", re.ASCII)
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_LOADED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def flow_form(value: Any) -> str:
    """A value in YAML's one-line form.

    >>> flow_form({"kind": "agent", "name": "no", "controls": ["rate_limit"], "at": 3})
    '{kind: agent, name: "no", controls: [rate_limit], at: 3}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_form(key)}: {flow_form(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_form(entry) for entry in value) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _LOADED else json_form(text)


def json_form(value: Any, indent: int | None = None) -> str:
    """A value as JSON that is YAML too: what YAML does not allow is escaped, and nothing else.

    >>> json_form({"é": "\x7f"})
    '{"é": "\\\\u007f"}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def edit_yaml(text: str, wanted: dict[str, Any], file: str = "<text>") -> str:
    """The text with its values changed to `wanted`. Raises ModelError where that cannot be done in place.

    >>> print(edit_yaml("name: A  # ours\\nelements:\\n  bot:  {kind: agent}\\n", {"name": "B",
    ...       "elements": {"bot": {"kind": "agent"}, "llm": {"kind": "llm"}}}))
    name: B  # ours
    elements:
      bot:  {kind: agent}
      llm: {kind: llm}
    <BLANKLINE>
    """
    return edited(parse_yaml(text, file), wanted).text


def edited(current: Document, wanted: dict[str, Any]) -> Document:
    """The same for a document that was parsed already; the result is parsed and holds exactly the wanted values."""
    text, file = current.text, current.file
    if current.problems or not isinstance(current.value, dict):
        raise ModelError([Problem(file, 0, 0, "the file on disk is not a model file; it was left alone")])
    bare = text.removeprefix(BOM)
    editor = _Editor(bare)
    editor.entries(editor.tree(), current.value, wanted)
    result = text[: len(text) - len(bare)] + editor.apply()
    after = parse_yaml(result, file)
    if after.problems or not _same(after.value, wanted):
        raise ModelError(
            [Problem(file, 0, 0, "this change cannot be written in place (YAML anchors or unusual layout?); "
                                 "the file was left alone: save under another name, or edit it by hand")]
        )  # fmt: skip
    return after


def _same(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one; where None is wanted, an empty list or mapping will do."""
    if isinstance(wanted, dict) and isinstance(value, dict):
        return value.keys() <= wanted.keys() and all(_same(value.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(value, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    return value == wanted or (wanted is None and value in ([], {}))


@dataclass(slots=True)
class _Node:
    """A value in the text. `children` of a mapping are (key, value), those of a list (None, value)."""

    start: int
    end: int
    text: str = ""
    style: str | None = None
    flow: bool = False
    mapping: bool = False
    children: list[tuple[_Node | None, _Node]] = field(default_factory=list)


class _Editor:
    """Collects splices (start, end, new text) on one text."""

    def __init__(self, text: str):
        self.text = text
        self.starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        self.splices: list[tuple[int, int, str]] = []
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def tree(self) -> _Node:
        """The nodes of the text, which `parse_yaml` has found to be sound."""
        root, waiting = _Node(0, 0), None
        stack = [root]
        for event in events(self.text):
            kind = type(event).__name__
            if kind in ("MappingEndEvent", "SequenceEndEvent"):
                node = stack.pop()
                node.end = self._offset(event.end_mark) if node.flow or not node.children else node.children[-1][1].end
            elif kind in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
                node = self._node(event, kind)
                if stack[-1].mapping and waiting is None:
                    waiting = node
                    continue
                stack[-1].children.append((waiting, node))
                waiting = None
                if kind in ("MappingStartEvent", "SequenceStartEvent"):
                    stack.append(node)
        return root.children[0][1]

    def _node(self, event: Any, kind: str) -> _Node:
        start, end = self._offset(event.start_mark), self._offset(event.end_mark)
        if kind != "ScalarEvent":
            return _Node(start, end, "*", flow=bool(getattr(event, "flow_style", False)), mapping=kind[0] == "M")
        if event.style in ("|", ">"):  # the mark is after the blank lines that follow
            header = self.text[start : self._line_end(start)].partition("#")[0]
            end = self._before_break(end) if "+" in header else len(self.text[start:end].rstrip()) + start
        return _Node(start, max(start, end), event.value, event.style)

    def apply(self) -> str:
        result, at = [], 0
        for start, end, new in sorted(self.splices, key=lambda splice: splice[:2]):
            result += [self.text[at:start], new]
            at = max(at, end)
        return "".join([*result, self.text[at:]])

    # -- what differs -----------------------------------------------------------------------------

    def entries(self, node: _Node, old: dict | list, new: dict | list) -> None:
        """Splice what differs between two versions of a mapping, or of a list of entries with ids or texts."""
        if isinstance(old, dict) and isinstance(new, dict):
            olds, news = list(old.items()), list(new.items())
            pairs, added = _matched_keys(olds, news)
        else:
            olds, news = [(_key(entry), entry) for entry in old], [(_key(entry), entry) for entry in new]
            pairs, added = _matched_order(olds, news)
        for at, to in pairs.items():
            (key, value), (new_key, new_value) = olds[at], news[to]
            key_node, value_node = node.children[at]
            if key_node is not None and key != new_key:
                self.splices.append((key_node.start, key_node.end, flow_form(new_key)))
            if not _same(value, new_value):
                self._value(node, key_node, value_node, value, new_value)
        gone = [at for at in range(len(olds)) if at not in pairs]
        fresh = {after: [news[to] for to in tos] for after, tos in added.items()}
        if node.flow:
            self._edit_flow(node, gone, fresh)
        else:
            self._edit_block(node, gone, fresh)

    def _value(self, parent: _Node, key: _Node | None, node: _Node, old: Any, new: Any) -> None:
        """Splice one value that differs."""
        emptied = new is None and not node.flow and key is not None and _are_entries(old)
        if node.children and (emptied or (isinstance(old, dict | list) and type(old) is type(new) and new)):
            self.entries(node, old, type(old)() if emptied else new)
            return
        colon = None if key is None else self.text.index(":", key.end) + 1
        if node.children and not node.flow and colon is not None:  # a block becomes something short
            self.splices.append((colon, colon, " " + flow_form(new)))
            self.splices.append((self._line_end(colon), node.end, ""))
        elif not old and not parent.flow and _are_entries(new) and colon is not None:
            after = self._line_end(node.end)
            self.splices.append((colon, node.end, ""))
            self.splices.append((after, after, self._lines(" " * (self._column(key.start) + 2), new)))
        else:
            gap = " " if self.text[node.start - 1 : node.start] == ":" else ""
            self.splices.append((node.start, node.end, gap + flow_form(new)))

    # -- block style: an entry has its own lines --------------------------------------------------

    def _edit_block(self, node: _Node, gone: list[int], fresh: dict[int, list]) -> None:
        kept = sorted({*range(len(node.children))} - {*gone})
        for at in gone:
            begin, end = self._begin(node, at), self._line_end(node.children[at][1].end)
            line = self._line_start(begin)
            if not self.text[line:begin].strip():
                self.splices.append((self._before_break(line), end, ""))
                continue
            next_key = self._begin(node, kept[0]) if kept else end  # the first key stands beside a dash
            self.splices.append((begin, end if "#" in self.text[end:next_key] else next_key, ""))
        column = self._column(self._begin(node, 0))
        for after, entries in fresh.items():
            lines = "".join(self._entry(node, column, key, value) for key, value in entries)
            if after < 0 and kept:
                at = self._before_break(self._line_start(self._begin(node, 0)))
            else:
                at = self._line_end(node.children[after][1].end)
            self.splices.append((at, at, lines))

    def _entry(self, node: _Node, column: int, key: Any, value: Any) -> str:
        start = f"{self.newline}{' ' * column}"
        if not node.mapping:
            return f"{start}- {flow_form(value)}"
        if column == 0 and _are_entries(value):
            return f"{start}{flow_form(key)}:{self._lines('  ', value)}"
        return f"{start}{flow_form(key)}: {flow_form(value)}"

    def _lines(self, indent: str, value: dict | list) -> str:
        if isinstance(value, dict):
            lines = [f"{flow_form(key)}: {flow_form(entry)}" for key, entry in value.items()]
        else:
            lines = [f"- {flow_form(entry)}" for entry in value]
        return "".join(f"{self.newline}{indent}{line}" for line in lines)

    def _begin(self, node: _Node, at: int) -> int:
        """Where an entry begins: its key, or the dash of its list entry."""
        key, value = node.children[at]
        if key is not None:
            explicit = self.text.rfind("?", self._line_start(key.start), key.start)
            return key.start if explicit < 0 or self.text[explicit + 1 : key.start].strip() else explicit
        column, line = self._column(node.start), self._line_start(value.start)
        while line > node.start and (self.text[line + column] != "-" or self.text[line : line + column].strip()):
            line = self._line_start(self._before_break(line))
        return max(node.start, line + column)

    # -- flow style: entries between brackets -----------------------------------------------------

    def _edit_flow(self, node: _Node, gone: list[int], fresh: dict[int, list]) -> None:
        spans = [((key or value).start, max(key.end if key else 0, value.end)) for key, value in node.children]
        kept = sorted({*range(len(spans))} - {*gone})
        last = kept[-1] if kept else -1
        for at in gone:
            if at < last:
                self._cut(spans[at], spans[at + 1][0])
        if last + 1 < len(spans):  # the tail goes
            start, end = spans[last][1] if kept else spans[0][0], spans[-1][1]
            comma = _COMMA.match(self.text, end)
            if kept and "#" in self.text[start : spans[last + 1][0]]:
                start, end = spans[last + 1][0], comma.end() if comma else end
            elif comma and not kept:
                end = comma.end()
            self.splices.append((start, end, ""))
        for after, entries in fresh.items():
            forms = [f"{flow_form(key)}: {flow_form(value)}" if node.mapping else flow_form(value)
                     for key, value in entries]  # fmt: skip
            if not kept:
                at = spans[0][0] if spans else node.start + 1
                self.splices.append((at, at, ", ".join(forms)))
            elif after < 0:
                self.splices.append((spans[0][0], spans[0][0], "".join(f"{form}, " for form in forms)))
            else:
                self._append(node, spans, after, last + 1 < len(spans), forms)

    def _cut(self, span: tuple[int, int], next_start: int) -> None:
        """Take one entry out from between brackets, with the comment on its line."""
        start, end = span
        if "#" not in self.text[end:next_start]:
            self.splices.append((start, next_start, ""))
            return
        line = self._line_start(start)
        first = not self.text[line:start].strip()
        self.splices.append((self._before_break(line) if first else start, self._line_end(end), ""))

    def _append(self, node: _Node, spans: list[tuple[int, int]], after: int, tail_goes: bool, forms: list[str]) -> None:
        start, end = spans[after]
        following = spans[after + 1][0] if after + 1 < len(spans) else node.end - 1
        line_end = self._line_end(end)
        if tail_goes or following < line_end:  # all on one line
            self.splices.append((end, end, "".join(f", {form}" for form in forms)))
            return
        comma = _COMMA.match(self.text, end)
        indent = f",{self.newline}{' ' * self._column(start)}"
        if comma and comma.end() <= line_end:
            self.splices.append((line_end, line_end, indent[1:] + indent.join(forms) + ","))
        else:
            self.splices.append((end, end, ","))
            self.splices.append((line_end, line_end, indent[1:] + indent.join(forms)))

    # -- places in the text -----------------------------------------------------------------------

    def _offset(self, mark: Any) -> int:
        return min(self.starts[min(mark.line, len(self.starts) - 1)] + mark.column, len(self.text))

    def _line_end(self, offset: int) -> int:
        found = _BREAK.search(self.text, offset)
        return found.start() if found else len(self.text)

    def _line_start(self, offset: int) -> int:
        return self.starts[bisect_right(self.starts, offset) - 1]

    def _column(self, offset: int) -> int:
        return offset - self._line_start(offset)

    def _before_break(self, offset: int) -> int:
        """The offset before the line break that ends right here."""
        if self.text[max(0, offset - 2) : offset] == "\r\n":
            return offset - 2
        return offset - 1 if self.text[max(0, offset - 1) : offset] in ("\n", "\r") else offset


def _matched_keys(old: list, new: list) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Which old entry of a mapping becomes which new one, and the new ones to add after the last."""
    wanted = {key: to for to, (key, _) in enumerate(new)}
    known = {key for key, _ in old}
    pairs = {at: wanted[key] for at, (key, _) in enumerate(old) if key in wanted}
    added = [to for to, (key, _) in enumerate(new) if key not in known]
    for at, (key, value) in enumerate(old):  # the same entry under another key was renamed
        if key not in wanted and isinstance(value, dict):
            renamed = next((to for to in added if new[to][1] == value), None)
            if renamed is not None:
                pairs[at] = renamed
                added.remove(renamed)
    return pairs, {max(pairs, default=len(old) - 1): added} if added else {}


def _matched_order(old: list, new: list) -> tuple[dict[int, int], dict[int, list[int]]]:
    """The same for a list, where order counts: new ones to add after each old one (-1: before the first)."""
    places = {key: at for at, key in enumerate(_numbered(old))}
    common = [(places[key], to) for to, key in enumerate(_numbered(new)) if key in places]
    pairs: dict[int, int] = {}
    added: dict[int, list[int]] = {}
    after = to = 0
    for at, found in [*_longest_rising(common), (len(old), len(new))]:
        renamed = {_but_id(entry): step for step, (_, entry) in enumerate(old[after:at], after)}
        for fresh in range(to, found):
            content = _but_id(new[fresh][1])
            same = renamed.get(content, -1)
            if content and same >= after:
                pairs[same], after = fresh, same + 1
            else:
                added.setdefault(after - 1, []).append(fresh)
        if at < len(old):
            pairs[at], after, to = found, at + 1, found + 1
    if not pairs and added:
        added = {len(old) - 1: [to for tos in added.values() for to in tos]}
    return pairs, added


def _numbered(entries: list) -> list[tuple[str, int]]:
    """The keys of list entries, with a number that tells equal ones apart."""
    counts: dict[str, int] = {}
    numbered = []
    for key, _ in entries:
        counts[key] = counts.get(key, -1) + 1
        numbered.append((key, counts[key]))
    return numbered


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs, not all of them neighbours, whose first numbers rise (patience sorting)."""
    tops: list[int] = []
    ends: list[tuple] = []
    for pair in pairs:
        at = bisect_left(tops, pair[0])
        chain = (pair, ends[at - 1] if at else None)
        tops[at : at + 1], ends[at : at + 1] = [pair[0]], [chain]
    found, chain = [], ends[-1] if ends else None
    while chain:
        found.append(chain[0])
        chain = chain[1]
    return found[::-1]


def _but_id(entry: Any) -> str | None:
    """The content of an entry that has an id, to know it again under another one."""
    return repr({**entry, "id": None}) if isinstance(entry, dict) and "id" in entry else None


def _key(entry: Any) -> str:
    return str(entry.get("id") or entry.get("text")) if isinstance(entry, dict) else str(entry)


def _are_entries(value: Any) -> bool:
    """Whether a value is a filled section: ids with mappings, or a list of mappings."""
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(entries) and all(isinstance(entry, dict) for entry in entries)
