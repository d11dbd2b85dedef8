"""Change values in YAML text and leave every other character as it was: comments, order, alignment.

`edit_yaml` compares the values in the text with the wanted ones and splices only what differs. The result is
parsed again and must give exactly the wanted values, or nothing is returned: a wrong edit cannot be written.
"""

from __future__ import annotations

import json
import re
from typing import Any

from threatkit.errors import ModelError, Problem
from threatkit.yamltext import parse_yaml

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_PLAIN = re.compile(r"[^\W\d][\w ./()'+\-]*(?<! )$", re.ASCII)
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
    if _PLAIN.match(text) and text.lower() not in _LOADED:
        return text
    return re.sub(
        r"[\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


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
    import yaml

    current = parse_yaml(text, file)
    root = None if current.problems else yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    if root is None or root.id != "mapping":
        raise ModelError([Problem(file, 0, 0, "the file on disk is not a model file; it was left alone")])
    editor = _Editor(text)
    editor.mapping(root, current.value, wanted)
    result = editor.apply()
    after = parse_yaml(result, file)
    if after.problems or not _same(after.value, wanted):
        raise ModelError(
            [Problem(file, 0, 0, "this change cannot be written in place (YAML anchors or unusual layout?); "
                                 "the file was left alone: save under another name, or edit it by hand")]
        )  # fmt: skip
    return result


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        value = {} if value is None else value
        if not isinstance(value, dict):
            return False
        return all(_same(value.get(key), wanted.get(key)) for key in {*value, *wanted})
    if isinstance(wanted, list | tuple):
        value = [] if value is None else value if isinstance(value, list) else [value]
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    if wanted is None:
        return value is None or value in ("unknown", [], {})
    return value == wanted or str(value) == str(wanted)


class _Editor:
    """Collects splices (start, end, new text) on one text."""

    def __init__(self, text: str):
        self.text = text
        self.starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        self.splices: list[tuple[int, int, str]] = []
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def apply(self) -> str:
        result, at = [], 0
        for start, end, new in sorted(self.splices, key=lambda splice: splice[:2]):
            result += [self.text[at:start], new]
            at = max(at, end)
        return "".join([*result, self.text[at:]])

    def mapping(self, node: Any, old: dict, new: dict) -> None:
        """Splice what differs between two versions of a mapping."""
        entries = {key.value: (key, value) for key, value in node.value}
        for key, (key_node, value_node) in entries.items():
            if key not in new:
                self._delete(node, key_node, value_node)
            elif not _same(old.get(key), new[key]):
                self._value(key_node, value_node, old[key], new[key])
        for key, value in new.items():
            if key not in entries and not _same(None, value):
                self._insert(node, f"{flow_form(key)}: ", value)

    def sequence(self, node: Any, old: list, new: list) -> None:
        """Splice what differs between two versions of a list of entries with ids (or texts)."""
        wanted = {_key(entry): entry for entry in new}
        for child, entry in zip(node.value, old, strict=True):
            if _key(entry) not in wanted:
                self._delete(node, child, child)
            elif not _same(entry, wanted[_key(entry)]):
                self.mapping(child, entry, wanted[_key(entry)])
        known = {_key(entry) for entry in old}
        for entry in new:
            if _key(entry) not in known:
                self._insert(node, "" if node.flow_style else "- ", entry)

    def _value(self, key_node: Any, node: Any, old: Any, new: Any) -> None:
        if isinstance(old, dict) and isinstance(new, dict) and node.value:
            self.mapping(node, old, new)
        elif _are_entries(old) and _are_entries(new):
            self.sequence(node, old, new)
        elif old is None and isinstance(new, dict | list) and _are_entries(new):
            after = self._line_end(self._end(key_node))
            indent = " " * (key_node.start_mark.column + 2)
            self.splices.append((after, after, self._lines(indent, new)))
        else:
            start, end = self._start(node), self._end(node)
            gap = " " if self.text[start - 1 : start] == ":" else ""
            self.splices.append((start, end, gap + flow_form(new)))

    def _delete(self, parent: Any, first: Any, last: Any) -> None:
        start, end = self._start(first), self._end(last)
        if parent.flow_style:
            after = re.compile(r"\s*,[ \t]*").match(self.text, end)
            before = re.search(r",\s*$", self.text[:start])
            if after:
                end = after.end()
            elif before:
                start = before.start()
            self.splices.append((start, end, ""))
        else:
            above = len(_without_break(self.text[: self.starts[first.start_mark.line]]))
            self.splices.append((above, self._line_end(end), ""))

    def _insert(self, parent: Any, prefix: str, value: Any) -> None:
        if parent.flow_style:
            at = self._end(parent) - 1
            before = self.text[:at].rstrip()
            comma = "" if not parent.value or before.endswith(",") else ", "
            at = len(before) if parent.value else at
            self.splices.append((at, at, comma + prefix + flow_form(value)))
            return
        last = parent.value[-1]
        after = self._line_end(self._end(last[1] if isinstance(last, tuple) else last))
        if isinstance(last, tuple):
            column = parent.value[0][0].start_mark.column
        else:
            first = parent.value[0]
            start = self._start(first)
            column = self.text.rfind("-", 0, start) - self.starts[first.start_mark.line]
        indent = " " * column
        if column == 0 and isinstance(last, tuple) and _are_entries(value):
            text = f"{self.newline}{prefix.rstrip()}{self._lines('  ', value)}"
        else:
            text = f"{self.newline}{indent}{prefix}{flow_form(value)}"
        self.splices.append((after, after, text))

    def _lines(self, indent: str, value: dict | list) -> str:
        if isinstance(value, dict):
            lines = [f"{flow_form(key)}: {flow_form(entry)}" for key, entry in value.items()]
        else:
            lines = [f"- {flow_form(entry)}" for entry in value]
        return "".join(f"{self.newline}{indent}{line}" for line in lines)

    def _offset(self, mark: Any) -> int:
        return min(self.starts[min(mark.line, len(self.starts) - 1)] + mark.column, len(self.text))

    def _start(self, node: Any) -> int:
        return self._offset(node.start_mark)

    def _end(self, node: Any) -> int:
        if node.id != "scalar" and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        end = self._offset(node.end_mark)
        if node.id == "scalar" and node.style in ("|", ">"):
            end = len(self.text[:end].rstrip())
        return max(end, self._start(node))

    def _line_end(self, offset: int) -> int:
        found = _BREAK.search(self.text, offset)
        return found.start() if found else len(self.text)


def _without_break(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text[:-1]


def _key(entry: Any) -> Any:
    return (entry.get("id") or entry.get("text")) if isinstance(entry, dict) else entry


def _are_entries(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(isinstance(entry, dict) for entry in value.values())
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)
