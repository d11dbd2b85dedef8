"""An incident to replay: look at the system, guess, then compare with the kit, with what happened and what closes it.

    case = replay("forcedleak")
    case.picture()                      # the system before; nothing is given away
    case.guess("agent ui", "TI")        # ids and STRIDE letters, typed
    case.sees()                         # the documented threats, and the findings of the kit for each
    case.happened()                     # facts, date, sources
    case.closed()                       # what the operator did; what closes it in this model

What counts as the same threat is place and STRIDE letter: an aid for learning, and looser than benchmarks/incidents.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threatkit.analysis import Analysis, analyze
from threatkit.cases import Expectation, IncidentCase, incidents
from threatkit.errors import NotFoundError, nearest, shown
from threatkit.explain import html_table, in_words

if TYPE_CHECKING:
    from threatkit.draw.figure import Picture
    from threatkit.findings import Finding

_MOST = 2000  # characters of one text


@dataclass(frozen=True)
class Part:
    """A part of a replay as a table of plain text; in a notebook an HTML table in which everything is escaped."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    links: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.title, *(" | ".join(row) for row in self.rows), *self.links])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_link(url)}</li>" for url in self.links)
        return html_table(self.title, self.heads, self.rows) + (f"<p>Sources:</p><ul>{items}</ul>" if items else "")


@dataclass(frozen=True)
class Replay:
    """One incident with the analyses of the system before it and of its mended twin; `replay` makes one."""

    case: IncidentCase
    before: Analysis
    after: Analysis

    def picture(self) -> Picture:
        """The system before the event, with nothing lit."""
        from threatkit.draw import draw

        return draw(self.before.system)

    def path(self) -> Picture:
        """The path of the finding that best matches a primary threat; the plain picture where none does."""
        from threatkit.draw import draw

        primary = [x for x in self.case.expected if x.role == "primary"]
        found = [(_shared(f, x), f.score, f.id) for x in primary for f in matching(self.before, x)]
        if not found:
            return self.picture()
        return draw(self.before, show="finding", finding=max(found)[2])

    def guess(self, places: str | Iterable[str], letters: str) -> Part:
        """How near a guess is to each documented threat. Raises NotFoundError for an id that is not in the model."""
        ids = re.split(r"[\s,]+", places.strip()) if isinstance(places, str) else list(places)
        chosen = {id for id in ids if id}
        for id in chosen:
            self.before.system[id]
        said = {letter for letter in letters.upper() if letter.isalpha()}
        if wrong := said - set("STRIDE"):
            raise NotFoundError(f"no STRIDE letter {', '.join(sorted(map(shown, wrong)))}; there are S T R I D E")
        rows = tuple((str(n), x.role, _near(x, chosen, said)) for n, x in enumerate(self.case.expected, 1))
        return Part("Your guess", ("threat", "role", "how near"), rows)

    def sees(self) -> Part:
        """Each documented threat, and the finding that fits it best, with its path; or that there is none."""
        rows = []
        for x in self.case.expected:
            found = matching(self.before, x)
            best = max(found, key=lambda f: (_shared(f, x), f.score, f.id), default=None)
            path = in_words(self.before.facts, best.path) if best and best.path else ""
            rows.append((_cut(x.title), x.role, best.title if best else "no finding", _cut(path)))
        return Part("What the kit sees", ("documented threat", "role", "finding", "path"), tuple(rows))

    def happened(self) -> Part:
        """Date, kind, facts and public ids of the event, with its sources."""
        case = self.case
        rows = [("date", case.date), ("kind", case.kind), ("what happened", _cut(case.facts))]
        rows += [("known as", ", ".join(case.external_ids))] if case.external_ids else []
        return Part(_cut(f"{case.id}: {case.name}"), (), tuple(rows), case.references)

    def gone(self) -> list[Finding]:
        """Findings before the event that the mended twin no longer has."""
        left = {finding.id for finding in self.after.findings}
        return [finding for finding in self.before.findings if finding.id not in left]

    def closed(self) -> Part:
        """What ended it, as far as known, apart from what would close it in this model, and what is left there."""
        rows = (
            ("what ended it, as far as known", _cut(self.case.closed)),
            ("what would close it in this model", _cut(self.case.twin)),
            ("findings gone", "; ".join(dict.fromkeys(f.title for f in self.gone())) or "none"),
            ("findings left", "; ".join(dict.fromkeys(f.title for f in self.after.findings)) or "none"),
        )
        return Part("What closed it", (), rows)


def replay(name: str | IncidentCase) -> Replay:
    """A replay of an incident by slug or id. Raises NotFoundError with the nearest name.

    >>> replay("INC-29").case.slug
    'forcedleak'
    """
    if isinstance(name, IncidentCase):
        return Replay(name, analyze(name.system()), analyze(name.system(fixed=True)))
    known = {key: case for case in incidents() for key in (case.slug, case.id.lower())}
    wanted = str(name).strip().lower()
    if wanted not in known:
        raise NotFoundError(f"no incident {shown(name)}{nearest(wanted, known)}; incidents() lists them")
    return replay(known[wanted])


def matching(analysis: Analysis, threat: Expectation) -> list[Finding]:
    """Findings with a STRIDE letter of the threat at one of its places, or on a flow that ends there."""
    where, letters = set(threat.where), set(threat.accept.get("stride", ()))
    flows = analysis.system.flows
    found = []
    for finding in analysis.findings:
        ends = {end for id in finding.places if id in flows for end in (flows[id].source, flows[id].target)}
        if where & (ends | set(finding.places)) and letters & set(finding.letters):
            found.append(finding)
    return found


def _shared(finding: Finding, threat: Expectation) -> int:
    """In how many public lists the finding and the threat cite the same id: the closer the kinship, the more."""
    cited = {id for ids in finding.references.values() for id in ids}
    return sum(not cited.isdisjoint(ids) for name, ids in threat.accept.items() if name != "stride")


def _near(threat: Expectation, places: set[str], letters: set[str]) -> str:
    place, letter = bool(places & set(threat.where)), bool(letters & set(threat.accept.get("stride", ())))
    if place and letter:
        return "place and letter fit"
    if place:
        return "the place fits; what else can happen there?"
    return "the letter fits; where else could it be?" if letter else "not yet: follow the text of strangers"


def _cut(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"


def _link(url: str) -> str:
    said = html.escape(url)
    return f'<a href="{said}">{said}</a>' if url.startswith("https://") else said
