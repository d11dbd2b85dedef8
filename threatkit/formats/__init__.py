"""Models of other tools as a System, by content and not by file name.

    found = threatkit.convert("payments.tm7")
    found.system, found.decisions, found.positions
    print(found.text)                              # what was kept, guessed and dropped

One module a format; each has `knows(content)` and `read(content)`. They are asked in the order of `_FORMATS`.
"""

from __future__ import annotations

import importlib
import os

from threatkit.errors import FormatError
from threatkit.formats.imported import Imported, Note
from threatkit.formats.reading import Content, read

__all__ = ["Imported", "Note", "convert", "formats"]

_FORMATS = {  # module: what people call the format; the first that knows a file reads it
    "threat_dragon": "OWASP Threat Dragon",
    "otm": "Open Threat Model",
    "tm_bom": "OWASP Threat Model Library (TM-BOM)",
    "tm_bom_cdx": "CycloneDX threat models",
    "tm7": "Microsoft Threat Modeling Tool",
    "drawio": "draw.io",
    "threagile": "Threagile",
}


def convert(path: str | os.PathLike) -> Imported:
    """Read a model of another tool; the format is told by the content.

    Raises FormatError for a file that is too large, broken, made to do harm, or of no format that is known.
    """
    content = read(path)
    for name in _FORMATS:
        importer = importlib.import_module(f"threatkit.formats.{name}")
        if importer.knows(content):
            try:
                return importer.read(content).passing_over(Note(place, what) for place, what in content.notes)
            except FormatError as error:
                raise error if error.problems[0].file else content.fault(error.problems[0].message) from None
    raise content.fault(f"{_looks_like(content)}; threatkit reads {', '.join(formats())}")


def formats() -> list[str]:
    """What `convert` reads, as people call it."""
    return list(_FORMATS.values())


def _looks_like(content: Content) -> str:
    if content.kind == "xml":
        return f"this is XML that no importer knows (it starts with <{content.value.tag.rpartition('}')[2][:40]}>)"
    if content.kind in ("json", "yaml"):
        value = content.value
        keys = ", ".join(str(key)[:30] for key in list(value)[:5]) if isinstance(value, dict) else "a list"
        return f"this is {content.kind.upper()} that no importer knows (it holds {keys or 'nothing'})"
    return "this is a text that no importer knows"
