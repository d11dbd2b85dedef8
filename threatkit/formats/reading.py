"""Foreign files as plain values, read safely: by content and not by name, with limits before anything is built.

Size, number of values and depth are bounded before a parser sees the text; entities, external references and aliases
that multiply are refused. Whatever is wrong becomes one `FormatError` with the file and the place.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threatkit.errors import FormatError, Problem, shown
from threatkit.yamltext import parse_yaml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 20_000_000
MAX_VALUES = 800_000  # values of a JSON file
MAX_YAML_VALUES = 250_000  # YAML is read with the place of each value, which costs more
MAX_TAGS = 400_000  # tags of an XML file
MAX_DEPTH = 60
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_BINARY = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "a gzip archive", b"%PDF": "a PDF", b"\x89PNG": "a picture"}
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_OPEN = str.maketrans({"{": "[", "}": "]"})


@dataclass
class Content:
    """A foreign file as read. `kind` says what `value` is: json or yaml (plain values), xml (an Element), text (a str).

    `notes` are things that were passed over while reading, as (place, what) pairs, such as a key that stands twice.
    """

    path: Path
    kind: str
    value: Any
    text: str = ""
    notes: list[tuple[str, str]] = field(default_factory=list)
    lines: dict[Any, int] = field(default_factory=dict)  # YAML: path of keys -> line; XML: Element -> line

    def fault(self, message: str, place: str = "", line: int = 0) -> FormatError:
        """The error to raise for this file; `place` is a JSON pointer or the like."""
        return FormatError(
            [Problem(str(self.path), line, 1 if line else 0, f"{place}: {message}" if place else message)]
        )

    def line(self, element: Element) -> int:
        """The line of an element of an XML file; 0 where it is not known."""
        return self.lines.get(element, 0)


def read(path: str | os.PathLike) -> Content:
    """Read a foreign file. Raises FormatError for one that is too large, broken, or made to do harm."""
    path = Path(path)
    return parse(_bytes(path), path)


def parse(raw: bytes, path: str | os.PathLike = "<bytes>") -> Content:
    """The content of a file from its bytes: XML if it starts with `<`, else JSON, YAML, or any other text."""
    path = Path(path)
    for start, what in _BINARY.items():
        if raw.startswith(start):
            raise _fault(path, f"this is {what}, which no importer reads; give the file that is inside or behind it")
    if _looks_like_xml(raw):
        return _xml(raw, path)
    text = _decoded(raw, path)
    if not text.strip():
        raise _fault(path, "the file is empty")
    if text.lstrip()[:1] in "{[":
        return _json(text, path)
    return _yaml_or_text(text, path)


def inflate(data: bytes, limit: int = MAX_BYTES) -> bytes:
    """Raw or wrapped deflate data, unpacked up to `limit` bytes. Raises ValueError for more, or for other data."""
    for window in (-15, 15):
        unpack = zlib.decompressobj(window)
        try:
            unpacked = unpack.decompress(data, limit)
        except zlib.error:
            continue
        if unpack.unconsumed_tail:
            raise ValueError(f"it unpacks to more than {limit // 1_000_000} MB")
        if unpack.eof:
            return unpacked
    raise ValueError("it is not compressed text")


# -- bytes to text --------------------------------------------------------------------------------


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise _fault(path, "this is a directory; give the file itself")
        if path.exists() and not path.is_file():
            raise _fault(path, "this is not a regular file")
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            raw = stream.read(MAX_BYTES + 1) if size <= MAX_BYTES else None
    except FileNotFoundError:
        raise _fault(path, "no such file") from None
    except (OSError, ValueError) as error:
        raise _fault(path, f"the file cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if raw is None or len(raw) > MAX_BYTES:
        raise _fault(path, f"the file is larger than {MAX_BYTES // 1_000_000} MB; no threat model is that large")
    return raw


def _looks_like_xml(raw: bytes) -> bool:
    head = raw[:400]
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return head[len(bom) :].decode(encoding, "replace").lstrip()[:1] == "<"
    return head.replace(b"\0", b"").lstrip()[:1] == b"<"


def _decoded(raw: bytes, path: Path) -> str:
    encoding, start = "utf-8", 0
    for bom, name in _BOMS:
        if raw.startswith(bom):
            encoding, start = name, len(bom)
            break
    else:
        if raw[1:2] == b"\0" != raw[:1]:
            encoding = "utf-16-le"
        elif raw[:1] == b"\0" != raw[1:2]:
            encoding = "utf-16-be"
    try:
        text = raw[start:].decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, start + error.start) + 1
        said = f"this is not {encoding.upper()} text (byte 0x{raw[start + error.start]:02x}); save the file as UTF-8"
        raise FormatError([Problem(str(path), line, 1, said)]) from None
    return text


# -- text to values -------------------------------------------------------------------------------


def _json(text: str, path: Path) -> Content:
    _check_json_size(text, path)
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            seen: set[str] = set()
            twice.extend(key for key, _ in found if key in seen or seen.add(key))
        return made

    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        if text.lstrip()[0] == "{" and not re.match(r'\s*\{\s*["}]', text):  # YAML in its short form
            return _yaml_or_text(text, path)
        said = f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise FormatError([Problem(str(path), error.lineno, error.colno, said)]) from None
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else shown(str(error), 100)
        raise _fault(path, f"this is not JSON: {said}") from None
    notes = [("", f"the key {shown(key)} stands twice in one object; the last one counts") for key in twice[:20]]
    return Content(path, "json", value, text, notes)


def _check_json_size(text: str, path: Path) -> None:
    """Refuse JSON that is too deep or has too many values, without building any of it. O(depth × size) at C speed."""
    bare = _STRING.sub("", text).translate(_OPEN)
    brackets = re.sub(r"[^\[\],]+", "", bare)
    values = brackets.count(",") + brackets.count("[")
    brackets = brackets.replace(",", "")
    for _ in range(MAX_DEPTH):
        if "[]" not in brackets:
            break
        brackets = brackets.replace("[]", "")
    if len(brackets) > MAX_DEPTH or "[]" in brackets:
        raise _fault(path, f"nested deeper than {MAX_DEPTH} levels; no threat model is")
    if values > MAX_VALUES:
        raise _fault(path, f"more than {MAX_VALUES:,} values; no threat model has that many")


def _yaml_or_text(text: str, path: Path) -> Content:
    """YAML where the text is a mapping, else the text itself (a diagram language, say)."""
    signs = sum(text.count(sign) for sign in "\n,[{:") + text.count("- ")
    if signs > MAX_YAML_VALUES:
        raise _fault(path, f"a text with more than {MAX_YAML_VALUES:,} values; no threat model has that many")
    document = parse_yaml(text, str(path))
    if not isinstance(document.value, dict):
        faults = document.problems if re.match(r"\s*[\w\"'-]+\s*:(\s|$)", _first_line(text)) else []
        if faults:
            raise FormatError(faults[:1])
        return Content(path, "text", text, text)
    notes = [(f"line {problem.line}", problem.message) for problem in document.problems[:20]]
    lines = {place: at[0] for place, at in document.places.items()}
    return Content(path, "yaml", document.value, text, notes, lines)


def _first_line(text: str) -> str:
    """The first line that is neither empty nor a comment nor the start of a document."""
    lines = (line for line in text.removeprefix("\ufeff").splitlines() if line.strip() and line[:1] not in "#%")
    return next((line for line in lines if line.strip() != "---"), "")


def _xml(raw: bytes, path: Path) -> Content:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException, DTDForbidden, EntitiesForbidden
    from defusedxml.ElementTree import XMLParser

    if raw.count(b"<") > MAX_TAGS * 2:
        raise _fault(path, f"more than {MAX_TAGS:,} tags; no threat model has that many")
    builder = _builder(path)
    parser = XMLParser(target=builder, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    builder.parser = parser.parser
    try:
        for start in range(0, len(raw), 1_000_000):
            parser.feed(raw[start : start + 1_000_000])
        root = parser.close()
    except (EntitiesForbidden, DTDForbidden):
        raise _fault(path, "the file defines entities, which can hide a bomb; no threat model needs them") from None
    except DefusedXmlException:
        raise _fault(path, "the file refers to other files, which are never fetched") from None
    except ParseError as error:
        line, column = error.position
        said = f"this is not XML: {shown(str(error).split(': line')[0], 100).strip(chr(34))}"
        raise FormatError([Problem(str(path), line, column + 1, said)]) from None
    except (LookupError, ValueError) as error:
        raise _fault(path, f"the encoding of the file is not known: {shown(str(error), 100)}") from None
    return Content(path, "xml", root, lines=builder.lines)


def _builder(path: Path) -> Any:
    """A tree builder that knows the line of each element and refuses to go too deep."""
    from xml.etree.ElementTree import TreeBuilder

    class Builder(TreeBuilder):
        def __init__(self) -> None:
            super().__init__()
            self.lines: dict[Any, int] = {}
            self.depth = 0
            self.parser: Any = None

        def start(self, tag: str, attributes: dict[str, str]) -> Any:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise _fault(path, f"nested deeper than {MAX_DEPTH} levels; no threat model is")
            element = super().start(tag, attributes)
            self.lines[element] = self.parser.CurrentLineNumber
            return element

        def end(self, tag: str) -> Any:
            self.depth -= 1
            return super().end(tag)

    return Builder()


def _fault(path: Path, message: str) -> FormatError:
    return FormatError([Problem(str(path), 0, 0, message)])
