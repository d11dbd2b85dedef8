"""YAML text to plain values, with the place of each value in the file.

PyYAML's C composer reads (positions, fast); the scalars are resolved by the core schema of YAML 1.2,
so that `no` is a string and `on` is not a truth value. Duplicate keys, aliases that multiply and nesting
beyond `MAX_DEPTH` are errors, never a slow or crashed process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threatkit.errors import Problem, shown

MAX_BYTES = 40_000_000
MAX_DEPTH = 40
_INT = re.compile(r"[-+]?[0-9]{1,18}$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?$")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass
class Document:
    """A YAML file as plain values. `places` maps the path of a value, a tuple of keys, to (line, column)."""

    file: str
    text: str = ""
    value: Any = None
    places: dict[tuple, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: tuple, message: str) -> None:
        """Note a fault at the value with this path, or at its nearest parent that has a place."""
        while path and path not in self.places:
            path = path[:-1]
        self.problems.append(Problem(self.file, *self.places.get(path, (0, 0)), message))


def read_text(path: Path) -> tuple[str, str | None]:
    """The text of a file and None, or "" and what is wrong with the file in words."""
    try:
        if path.is_dir():
            return "", "this is a directory; give the model file itself"
        if path.exists() and not path.is_file():
            return "", "this is not a regular file"
        if path.stat().st_size > MAX_BYTES:
            return "", f"the file is larger than {MAX_BYTES // 1_000_000} MB; split the model or build it in Python"
        raw = path.read_bytes()
    except FileNotFoundError:
        return "", "no such file"
    except PermissionError:
        return "", "the file cannot be read: permission denied"
    except OSError as error:
        return "", f"the file cannot be read: {error.strerror or error}"
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return "", f"line {line} is not UTF-8 text (byte 0x{raw[error.start]:02x}); save the file as UTF-8"


def read_yaml(path: Path | str) -> Document:
    """Read a YAML file; faults are in `problems` of the result, never raised."""
    text, fault = read_text(Path(path))
    if fault:
        return Document(str(path), problems=[Problem(str(path), 0, 0, fault)])
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str = "<text>") -> Document:
    """Parse YAML text. O(length of the text); never recurses deeper than MAX_DEPTH."""
    import yaml

    document = Document(file, text)
    deep = _too_deep(text)
    if deep:
        document.problems.append(Problem(file, *deep, f"nested deeper than {MAX_DEPTH} levels"))
        return document
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        said = " ".join(part for part in (error.context, error.problem) if part) or "this is not YAML"
        document.problems.append(Problem(file, *place, said))
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        document.problems.append(
            Problem(file, before.count("\n") + 1, 1, f"a character that YAML does not allow: {error.reason}")
        )
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        document.problems.append(Problem(file, 0, 0, f"this is not YAML: {shown(str(error), 200)}"))
    else:
        if node is not None:
            document.value = _Builder(document, len(text)).build(node, (), 0)
    return document


def _too_deep(text: str) -> tuple[int, int] | None:
    """Where brackets or indentation nest beyond anything a person writes.

    The C composer recurses for each level and a hostile file would end the process, so brackets are
    counted before it runs (brackets inside quoted text count too: nobody writes 500 of them).
    """
    depth = 0
    if text.count("[") + text.count("{") > 500:
        for match in re.finditer(r"[\[{]|[\]}]", text):
            depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
            if depth > 500:
                return text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
    for match in re.finditer(r"^[ ]*(?:[-?:] ?){200}|^ {4000}", text, re.MULTILINE):
        return text.count("\n", 0, match.start()) + 1, 1
    return None


class _Builder:
    """Plain values from composed nodes. Aliases may not make more values than the text has characters."""

    def __init__(self, document: Document, budget: int):
        self.document, self.budget = document, budget + 1000
        self.open: set[int] = set()

    def build(self, node: Any, path: tuple, depth: int) -> Any:
        self.document.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.budget -= 1
        if node.id == "scalar":
            return _scalar(node)
        if depth > MAX_DEPTH or self.budget < 0 or id(node) in self.open:
            if self.budget >= 0 or not self.document.problems:
                why = f"nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else "aliases that repeat too much"
                self.document.problem(path, why)
                self.budget = -1
            return None
        self.open.add(id(node))
        value = self._mapping(node, path, depth) if node.id == "mapping" else self._sequence(node, path, depth)
        self.open.discard(id(node))
        return value

    def _sequence(self, node: Any, path: tuple, depth: int) -> list:
        return [self.build(child, (*path, position), depth + 1) for position, child in enumerate(node.value)]

    def _mapping(self, node: Any, path: tuple, depth: int) -> dict:
        result: dict = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key_node.id != "scalar":
                self.document.problems.append(Problem(self.document.file, *place, "a key must be a word"))
                continue
            key = key_node.value
            if key in result:
                self.document.problems.append(
                    Problem(self.document.file, *place, f"{shown(key)} stands here a second time; keep one of the two")
                )
                continue
            result[key] = self.build(value_node, (*path, key), depth + 1)
            self.document.places[(*path, key, "")] = place  # the key itself
        return result


def _scalar(node: Any) -> Any:
    value = node.value
    if node.style:  # quoted or block text is never anything else
        return value
    if value in _WORDS:
        return _WORDS[value]
    if value[:1] in "+-.0123456789":
        if _INT.match(value):
            return int(value)
        if _FLOAT.match(value):
            return float(value)
    return value
