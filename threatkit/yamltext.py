"""YAML text to plain values, with the place of each value in the file.

PyYAML's C parser reads; the scalars are resolved by the core schema of YAML 1.2, so that `no` is a string and `on`
is not a truth value. Duplicate keys, tags, aliases that multiply and nesting beyond `MAX_DEPTH` are errors, never a
slow or crashed process: the values are built without recursion.

A text is read quickly first, for its values alone. Whatever is out of the ordinary, and the places, when somebody
asks for them, come from a second, careful reading.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threatkit.errors import Problem, shown

MAX_BYTES = 40_000_000
MAX_DEPTH = 40
MAX_VALUES = 3_000_000
BOM = "\ufeff"
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_INT = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,3000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass
class Document:
    """A YAML file as plain values."""

    file: str
    text: str = ""
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    _places: dict[tuple, tuple[int, int]] | None = None

    @property
    def places(self) -> dict[tuple, tuple[int, int]]:
        """The path of each value, a tuple of keys, and its (line, column). Worked out when first asked for."""
        if self._places is None:
            self._places = _careful(self.text, self.file)._places or {}
        return self._places

    def problem(self, path: tuple, message: str) -> None:
        """Note a fault at the value with this path, or at its nearest parent that has a place."""
        while path and path not in self.places:
            path = path[:-1]
        self.problems.append(Problem(self.file, *self.places.get(path, (0, 0)), message))


def read_text(path: Path) -> tuple[str, Problem | None]:
    """The text of a file and None, or "" and what is wrong with the file."""
    try:
        if path.is_dir():
            return "", _about(path, "this is a directory; give the model file itself")
        if path.exists() and not path.is_file():
            return "", _about(path, "this is not a regular file")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1) if path.stat().st_size <= MAX_BYTES else None
    except FileNotFoundError:
        return "", _about(path, "no such file")
    except PermissionError:
        return "", _about(path, "the file cannot be read: permission denied")
    except (OSError, ValueError) as error:
        return "", _about(path, f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
    if raw is None or len(raw) > MAX_BYTES:
        limit = MAX_BYTES // 1_000_000
        return "", _about(path, f"the file is larger than {limit} MB; split the model or build it in Python")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", _about(path, "this is UTF-16 text; save the file as UTF-8", 1, 1)
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        place = _place(raw[: error.start].decode("utf-8").removeprefix(BOM))
        found = f"this is not UTF-8 text (byte 0x{raw[error.start]:02x}); save the file as UTF-8"
        return "", _about(path, found, *place)


def _about(path: Path, message: str, line: int = 0, column: int = 0) -> Problem:
    return Problem(str(path), line, column, message)


def _place(before: str) -> tuple[int, int]:
    """Line and column of the character after this text."""
    lines = re.split(r"\r\n|[\r\n]", before)
    return len(lines), len(lines[-1]) + 1


def read_yaml(path: Path | str) -> Document:
    """Read a YAML file; faults are in `problems` of the result, never raised."""
    text, fault = read_text(Path(path))
    return Document(str(path), problems=[fault]) if fault else parse_yaml(text, str(path))


def events(text: str) -> Iterator[Any]:
    """What PyYAML's parser sees in a text, from its C part where there is one."""
    import yaml

    return yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


def parse_yaml(text: str, file: str = "<text>") -> Document:
    """Parse YAML text; faults are in `problems` of the result, never raised. O(length of the text).

    >>> parse_yaml("a: no\\nb: [1, ~]").value
    {'a': 'no', 'b': [1, None]}
    >>> print(parse_yaml("a: 1\\na: 2").problems[0])
    <text>:2:1: "a" stands here a second time; keep one of the two
    """
    document = Document(file, text)
    bare = text.removeprefix(BOM)
    if not _FORBIDDEN.search(bare):
        with paused_collector():
            ordinary, document.value = _quick(bare)
        if ordinary:
            return document
    return _careful(text, file)


@contextlib.contextmanager
def paused_collector() -> Iterator[None]:
    """No garbage collection within: it would look at millions of new plain values again and again, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _quick(text: str) -> tuple[bool, Any]:
    """Whether a text is ordinary (valid, with no tag, anchor, duplicate key or deep nest), and its value if it is."""
    import yaml

    scalar, mapping, sequence = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
    ends, quiet = (yaml.MappingEndEvent, yaml.SequenceEndEvent), (yaml.StreamStartEvent, yaml.DocumentEndEvent)
    top: Any = []
    root, stack, key, in_mapping, left = top, [], None, False, MAX_VALUES
    try:
        take = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text).get_event
        while left:
            event = take()
            kind = type(event)
            if kind is scalar:
                if event.anchor or event.tag:
                    return False, None
                value = event.value
                if in_mapping and key is None:
                    if value in top:
                        return False, None
                    key = value
                    continue
                if not event.style:
                    if value in _WORDS:
                        value = _WORDS[value]
                    elif value[0] in "+-.0123456789":
                        value = _scalar(event)
            elif kind is mapping or kind is sequence:
                if event.anchor or event.tag or (in_mapping and key is None) or len(stack) >= MAX_DEPTH:
                    return False, None
                value = {} if kind is mapping else []
            elif kind in ends:
                top, in_mapping, key = stack.pop()
                continue
            elif kind is yaml.StreamEndEvent:
                break
            elif kind in quiet or (kind is yaml.DocumentStartEvent and not root):
                continue
            else:
                return False, None
            left -= 1
            if in_mapping:
                top[key], key = value, None
            else:
                top.append(value)
            if kind is not scalar:
                stack.append((top, in_mapping, key))
                top, in_mapping = value, kind is mapping
    except (yaml.YAMLError, ValueError):
        return False, None
    return left > 0, root[0] if root else None


def _careful(text: str, file: str) -> Document:
    """The same with places, and with every fault in words."""
    import yaml

    document = Document(file, text, _places={})
    bare = text.removeprefix(BOM)
    forbidden = _FORBIDDEN.search(bare)
    if forbidden:
        place, code = _place(bare[: forbidden.start()]), ord(forbidden[0])
        said = f'the character U+{code:04X} is not allowed here; "\\u{code:04x}" in double quotes is'
        document.problems.append(Problem(file, *place, said))
        return document
    builder = _Builder(document, min(len(text) + 1000, MAX_VALUES))
    try:
        for event in events(bare):
            builder.take(event)
    except _Fatal as fatal:
        document.problems.append(Problem(file, *fatal.place, fatal.message))
    except yaml.MarkedYAMLError as error:
        mark, began = error.problem_mark or error.context_mark, error.context_mark
        place = min(_at(mark), _place(bare)) if mark else (0, 0)
        said = " ".join(part for part in (error.context, error.problem) if part) or "this is not YAML"
        if began and began.line + 1 < place[0]:
            said += f" (it began in line {began.line + 1})"
        document.problems.append(Problem(file, *place, said))
    except (yaml.YAMLError, ValueError) as error:
        document.problems.append(Problem(file, 0, 0, f"this is not YAML: {shown(str(error), 200)}"))
    else:
        document.value = builder.value
        return document
    document.places.clear()
    return document


def _at(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


class _Fatal(Exception):
    """A fault after which the rest of the text means nothing."""

    def __init__(self, mark: Any, message: str):
        self.place, self.message = _at(mark), message


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet; `key` is the key that waits for its value."""

    value: list | dict
    path: tuple
    key: str | None = None
    twice: bool = False


class _Builder:
    """Plain values from parser events. Aliases may not make more values than the text has characters."""

    def __init__(self, document: Document, budget: int):
        self.document, self.budget = document, budget
        self.value: Any = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, Any] = {}
        self.documents = 0

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
                self._key(event)
            else:
                self._add(event, _scalar(event))
        elif kind == "MappingStartEvent" or kind == "SequenceStartEvent":
            value: dict | list = {} if kind == "MappingStartEvent" else []
            self.stack.append(_Open(value, self._add(event, value)))
            if len(self.stack) > MAX_DEPTH:
                raise _Fatal(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        elif kind == "MappingEndEvent" or kind == "SequenceEndEvent":
            self.stack.pop()
        elif kind == "AliasEvent":
            self._add(event, self._alias(event))
        elif kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise _Fatal(event.start_mark, "a second document starts here; a file holds one")

    def _key(self, event: Any) -> None:
        top, key, place = self.stack[-1], event.value, _at(event.start_mark)
        top.key, top.twice = key, key in top.value
        if top.twice:
            said = f"{shown(key)} stands here a second time; keep one of the two"
            self.document.problems.append(Problem(self.document.file, *place, said))
        else:
            self.document.places[(*top.path, key, "")] = place  # the key itself

    def _add(self, event: Any, value: Any) -> tuple:
        """Put a value where it belongs and return its path."""
        self.budget -= 1
        if self.budget < 0:
            raise _Fatal(event.start_mark, "too many values: an alias that repeats too much, or a file to be split")
        path: tuple = ()
        if not self.stack:
            self.value = value
        else:
            top = self.stack[-1]
            if isinstance(top.value, list):
                path = (*top.path, len(top.value))
                top.value.append(value)
            elif top.key is None:
                raise _Fatal(event.start_mark, "a key must be a word")
            elif top.twice:
                path, top.key = (*top.path, top.key, "", "again"), None
            else:
                path, top.value[top.key], top.key = (*top.path, top.key), value, None
        self.document.places[path] = _at(event.start_mark)
        if event.anchor and type(event).__name__ != "AliasEvent":
            self.anchors[event.anchor] = value
        tag = getattr(event, "tag", None)
        if tag:
            tag = tag.replace("tag:yaml.org,2002:", "!!")
            self.document.problem(path, f"the tag {shown(tag)} is not allowed; leave it out, quotes make a text")
        return path

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name not in self.anchors:
            raise _Fatal(event.start_mark, f"the alias {shown('*' + name)} has no anchor before it")
        value = self.anchors[name]
        if any(value is open_.value for open_ in self.stack):
            raise _Fatal(event.start_mark, f"the alias {shown('*' + name)} stands inside its own anchor")
        return self._copied(value, event.start_mark, len(self.stack))

    def _copied(self, value: Any, mark: Any, depth: int) -> Any:
        self.budget -= 1
        if depth > MAX_DEPTH or self.budget < 0:
            deep = f"nested deeper than {MAX_DEPTH} levels"
            raise _Fatal(mark, deep if depth > MAX_DEPTH else "an alias that repeats too much")
        if isinstance(value, dict):
            return {key: self._copied(entry, mark, depth + 1) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._copied(entry, mark, depth + 1) for entry in value]
        return value


def _scalar(event: Any) -> Any:
    value = event.value
    if event.style or event.tag:  # quoted or block text is never anything else
        return value
    if value in _WORDS:
        return _WORDS[value]
    if value[:1] in "+-.0123456789":
        if _INT.fullmatch(value):
            return int(value, 0) if value[:2] in ("0x", "0o") else int(value)
        if _FLOAT.fullmatch(value):
            return float(value.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return value
