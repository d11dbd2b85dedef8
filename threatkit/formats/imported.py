"""What an importer gives back: the system, decisions and positions, and the loss report."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from threatkit.decisions import Decisions
from threatkit.model import System

if TYPE_CHECKING:
    from threatkit.analysis import Analysis

_SHOWN = 20  # entries of a list in the text and in a notebook; to_dict has them all
_LONG = 300
_HEADS = {
    "dropped": "Dropped: not in the new model",
    "guessed": "Guessed: please check",
    "kept": "Kept",
}


@dataclass(frozen=True)
class Note:
    """One line of the loss report: where in the source, what was made of it, and the id of the part of the new model.

    `place` is a JSON pointer, an XPath or a line; empty for the whole file. `id` is empty where nothing was made.
    """

    place: str
    what: str
    id: str = ""

    def to_dict(self) -> dict[str, str]:
        """The note as plain values; no id where there is none."""
        found = {"place": self.place, "what": self.what}
        return {**found, "id": self.id} if self.id else found

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


@dataclass(frozen=True, repr=False)
class Imported:
    """A model of another tool as a System, and what was kept, guessed and dropped on the way.

    `positions` maps ids of elements to the (x, y) of their upper left corner in the units of the source, y downwards.
    `decisions` holds the threats of the source as own threats, with a decision where the source has one that holds
    here; it has no file yet.
    """

    format: str
    system: System
    decisions: Decisions
    positions: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    kept: tuple[Note, ...] = ()
    guessed: tuple[Note, ...] = ()
    dropped: tuple[Note, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many elements, flows, boundaries and threats the new model holds."""
        system = self.system
        return {
            "elements": len(system.elements),
            "flows": len(system.flows),
            "boundaries": len(system.boundaries),
            "threats": len(self.decisions.own),
        }

    def passing_over(self, notes: Iterable[Note]) -> Imported:
        """The same with more entries in `dropped`."""
        return replace(self, dropped=(*self.dropped, *notes))

    def analyze(self) -> Analysis:
        """The analysis of the new model; see `threatkit.analyze`."""
        from threatkit.analysis import analyze

        return analyze(self.system)

    def to_dict(self) -> dict[str, Any]:
        """The loss report as plain values: format, counts, and the notes with their places in the source."""
        lists = {name: [note.to_dict() for note in getattr(self, name)] for name in ("kept", "guessed", "dropped")}
        return {"format": self.format, **self.counts, **lists}

    @property
    def headline(self) -> str:
        """Format and counts in one line."""
        found = ", ".join(_many(count, noun) for noun, count in self.counts.items())
        return f"{self.system.name} ({self.format}): {found}"

    @property
    def text(self) -> str:
        """The loss report as plain text: what was dropped first, since that is what has to be read."""
        lines = [self.headline]
        for name, head in _HEADS.items():
            notes = getattr(self, name)
            if name == "kept":
                lines += ["", f"{head}: {_many(len(notes), 'entries')}"]
                continue
            lines += ["", f"{head} ({len(notes)})" if notes else f"{head.partition(':')[0]}: nothing"]
            lines += [f"  - {_short(str(note))}" for note in notes[:_SHOWN]]
            lines += [f"  … and {len(notes) - _SHOWN} more"] if len(notes) > _SHOWN else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Imported {self.headline}; {len(self.guessed)} guessed, {len(self.dropped)} dropped>"

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{html.escape(_short(self.headline))}</strong></p>"]
        for name, head in _HEADS.items():
            notes = getattr(self, name)
            rows = "".join(
                f"<tr><td>{html.escape(_short(note.what))}</td><td>{html.escape(note.id)}</td>"
                f"<td><code>{html.escape(_short(note.place))}</code></td></tr>"
                for note in notes[: _SHOWN * 5]
            )
            more = len(notes) - _SHOWN * 5
            rows += f"<tr><td colspan='3'>… and {more} more; to_dict() has them all</td></tr>" if more > 0 else ""
            table = (
                "<table><thead><tr><th scope='col'>What</th><th scope='col'>In the new model</th>"
                f"<th scope='col'>Place in the source</th></tr></thead><tbody>{rows}</tbody></table>"
            )
            opened = " open" if name != "kept" and notes else ""
            summary = f"<summary>{html.escape(head)} ({len(notes)})</summary>"
            parts.append(f"<details{opened}>{summary}{table if notes else '<p>Nothing.</p>'}</details>")
        return f"<div class='threatkit-imported'>{''.join(parts)}</div>"


def _many(count: int, nouns: str) -> str:
    """A count with its noun, given in the plural."""
    one = {"boundaries": "boundary", "entries": "entry"}.get(nouns, nouns.removesuffix("s"))
    return f"{count} {one if count == 1 else nouns}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
