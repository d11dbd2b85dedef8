"""What a check of a safe design says: holds, fails with a witness, or unknown with the question that settles it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from threatkit.explain import html_table

ASK_WHO = "Can anyone outside write text that gets to “{}”?"
ASK_DATA = "Does “{}” hold or see data whose leak does harm: personal, confidential, secret?"
ASK_OUT = "Can text get from “{}” to anyone outside: by mail, web requests, or links and images that are fetched?"
ASK_CHANGES = "What can “{}” or its tools change with nobody approving: send, write, delete, run?"
_HOLDS = {True: "holds", False: "fails", None: "unknown"}


@dataclass(frozen=True)
class Violation:
    """Where a design is broken: a path of element and flow ids, whether that is certain, and why in words.

    `question` is what settles it where it is not certain.
    """

    path: tuple[str, ...]
    why: str
    sure: bool = True
    question: str = ""


@dataclass(frozen=True)
class DesignCheck:
    """One design, checked: True holds, False fails, None unknown. `witness` is one shortest path that breaks it.

    Iterating gives the ids of the witness, so `draw(system, highlight=check)` lights it.
    """

    id: str
    name: str
    source: str
    holds: bool | None
    why: str
    witness: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()

    def __iter__(self) -> Any:
        return iter(self.witness)

    @property
    def verdict(self) -> str:
        """holds, fails or unknown."""
        return _HOLDS[self.holds]

    @property
    def question(self) -> str:
        """The question that settles it, where the verdict is unknown; else empty."""
        return self.violations[0].question if self.holds is None else ""

    def to_dict(self) -> dict[str, Any]:
        """The check as plain values."""
        return {
            "id": self.id,
            "name": self.name,
            "source": self.source,
            "verdict": self.verdict,
            "why": self.why,
            "witness": list(self.witness),
            "question": self.question,
        }

    def __repr__(self) -> str:
        return f"<{self.id} {self.name}: {self.verdict} - {self.why}>"

    def _repr_html_(self) -> str:
        rows = [
            ("why", self.why),
            ("witness", " → ".join(self.witness)),
            ("question", self.question),
            ("source", self.source),
        ]
        return html_table(f"{self.id} {self.name}: {self.verdict}", (), [row for row in rows if row[1]])


class DesignChecks(list):
    """All checks of one system; a table in a notebook."""

    def __init__(self, checks: Iterable[DesignCheck], name: str = ""):
        super().__init__(checks)
        self.name = name

    def _repr_html_(self) -> str:
        counts = [f"{sum(check.verdict == verdict for check in self)} {verdict}" for verdict in _HOLDS.values()]
        rows = [
            (check.id, check.name, check.verdict, check.question or check.why, " → ".join(check.witness))
            for check in self
        ]
        heads = ("id", "safe design", "verdict", "why, or the question that settles it", "witness")
        return html_table(f"{self.name}: {', '.join(counts)}", heads, rows)
