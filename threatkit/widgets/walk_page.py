"""What a walk shows that is no form: headings, evidence, coverage, the review. Every text is escaped here."""

from __future__ import annotations

import base64
import html
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from threatkit.references import load_references
from threatkit.treatments import Decision, Mitigate, file_form
from threatkit.walking import LETTERS, STATES, WORDS, Cell, Walk

if TYPE_CHECKING:
    from threatkit.decisions import Status
    from threatkit.draw.figure import Picture

SIGNS = {"open": "!", "unseen": "?", "waiting": "…", "decided": "✓", "looked": "○"}
SHAPES = {"external": "external entity", "process": "process", "store": "data store", "flow": "data flow"}
_STANDING = {"decided": "decided", "open": "open", "expired": "expired: decide again", "stale": "finding is gone"}
_STANDING["carried over"] = "open; decided before at other places"
_NAME, _LINE = 60, 700


def plain(text: object, limit: int = _NAME) -> str:
    """A text as one line without control, direction and invisible characters, cut with an ellipsis. Not yet escaped.

    >>> plain("a\\nb\\u202ec <b>")
    'a bc <b>'
    """
    kept = (
        " " if char.isspace() else char
        for char in str(text)[: limit * 4]
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    line = " ".join("".join(kept).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def safe(text: object, limit: int = _LINE) -> str:
    """The same, escaped and kept apart from the direction of what is around it."""
    return f"<bdi>{html.escape(plain(text, limit))}</bdi>"


def heading(walk: Walk, place: str) -> str:
    """Which place this is, of how many, and where it lies."""
    part, number = walk.system[place], walk.places.index(place) + 1
    where = f"{SHAPES[walk.shape(place)]} ({part.kind.replace('_', ' ')})"
    if walk.shape(place) == "flow":
        ends = (walk.system[end].label for end in (part.source, part.target))
        where += ", " + " → ".join(safe(end, _NAME) for end in ends)
    elif part.boundary:
        boundary = walk.system.boundaries[part.boundary]
        trust = f" ({boundary.trust.replace('_', ' ')})" if boundary.trust else " (trust not said)"
        where += f", in {safe(boundary.name or boundary.id, _NAME)}{trust}"
    return (
        f'<h2 tabindex="-1">{number} of {len(walk.places)}: {safe(part.label, _NAME)}</h2>'
        f'<span class="tk-small">{where}</span>'
    )


def evidence(walk: Walk, row: Status) -> str:
    """What can happen and why: the risk, the explanation and the way of a finding or own threat."""
    said = row.finding
    risk = said.risk
    parts = [
        f"<h3>{safe(said.title)}</h3>",
        f"<p><b>Risk {risk.score} {risk.level}</b> = likelihood {risk.likelihood} × impact {risk.impact}"
        f" · STRIDE {said.letters or '–'}</p>",
    ]
    explanation = getattr(said, "explanation", None) or getattr(said, "note", None)
    if explanation:
        parts.append(f"<p>{safe(explanation, 1200)}</p>")
    way = getattr(said, "path", ())
    if way:
        names = " → ".join(safe(walk.system[step].label, _NAME) for step in way)
        parts.append(f"<p><b>Path:</b> {names}</p>")
    return "".join(parts)


def sources(row: Status) -> str:
    """Why the risk is what it is, and where to read on."""
    said = f'<p class="tk-small"><b>Why this risk:</b> {safe("; ".join(row.finding.risk.reasons))}</p>'
    references = _references(getattr(row.finding, "references", {}))
    return said + (f'<p class="tk-small"><b>See also:</b> {references}</p>' if references else "")


def _references(cited: Any) -> str:
    known, links = load_references(), []
    for name, ids in cited.items():
        for id in ids:
            entry = known.get(name, {}).get(id, {})
            url, title = entry.get("url", ""), html.escape(f"{id} {entry.get('name', '')}".strip(), quote=True)
            if url.startswith("https://"):
                href = html.escape(url, quote=True)
                links.append(f'<a href="{href}" title="{title}" target="_blank" rel="noopener">{html.escape(id)}</a>')
            else:
                links.append(html.escape(id))
    return ", ".join(links)


def questions(cell: Cell) -> str:
    """The question that no rule can answer, and what the kit does not know yet."""
    asked = f'<p class="tk-asked">{safe(cell.prompt)}</p>'
    if cell.questions:
        items = "".join(f"<li>{safe(question.text)}</li>" for question in cell.questions[:5])
        asked += f"<p>Not said in the model yet:</p><ul>{items}</ul>"
    return asked


def coverage(walk: Walk, states: dict[str, dict[str, str]], at: tuple[str, str]) -> str:
    """The coverage matrix as a table of buttons, one for each cell."""
    head = "".join(f'<th scope="col">{letter}</th>' for letter in LETTERS)
    rows = []
    for place, cells in states.items():
        name = plain(walk.system[place].label)
        row = "".join(f"<td>{_cell(place, name, letter, cells, at)}</td>" for letter in LETTERS)
        rows.append(f'<tr><th scope="row"><bdi>{html.escape(name)}</bdi></th>{row}</tr>')
    signs = ", ".join(f"<b>{SIGNS[state]}</b> {said}" for state, said in STATES.items())
    letters = ", ".join(f"<b>{letter}</b> {word.replace('_', ' ')}" for letter, word in WORDS.items())
    return (
        f'<p class="tk-small">{signs}.</p><p class="tk-small">{letters}. Arrow keys move, Enter goes there.</p>'
        f'<table class="tk-grid"><caption>Coverage of {safe(walk.system.name, _NAME)}, the most exposed first</caption>'
        f'<thead><tr><th scope="col">place</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _cell(place: str, name: str, letter: str, cells: dict[str, str], at: tuple[str, str]) -> str:
    state = cells.get(letter)
    if state is None:
        return '<span class="tk-small" aria-hidden="true">·</span>'
    here = ' aria-current="true"' if (place, letter) == at else ""
    label = html.escape(f"{name}, {WORDS[letter].replace('_', ' ')}: {STATES[state]}", quote=True)
    target = f'data-go="{html.escape(place, quote=True)}" data-letter="{letter}"'
    return f'<button type="button" class="tk-{state}" {target}{here} aria-label="{label}">{SIGNS[state]}</button>'


def review(walk: Walk) -> str:
    """Every finding, own threat and decision with where it stands; a button goes to its cell."""
    rows = walk.review()
    counts: dict[str, int] = {}
    for row, _, _ in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    said = ", ".join(f"{number} {state}" for state, number in counts.items()) or "nothing was found or decided yet"
    body = []
    for row, place, letter in rows:
        score = f"{row.finding.risk.score} {row.finding.risk.level}" if row.finding else "–"
        to = html.escape(plain(walk.system[place].label) if place else "", quote=True)
        jump = (
            f'<button type="button" class="tk-jump" data-go="{html.escape(place, quote=True)}" data-letter="{letter}" '
            f'data-finding="{html.escape(row.finding.id if row.finding else "", quote=True)}">{to}, {letter}</button>'
            if place
            else "gone"
        )
        cells = (f"<b>{html.escape(_STANDING[row.state])}</b>", score, safe(decided(row.decision)), jump)
        cells_html = "".join(f"<td>{cell}</td>" for cell in cells)
        body.append(f'<tr><th scope="row">{safe(_title(row), 120)}</th>{cells_html}</tr>')
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("threat", "status", "risk", "decision", "go to"))
    return (
        f"<table><caption>Review: {html.escape(said)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _title(row: Status) -> str:
    gone = row.decision.id if row.decision else "a threat of your own whose places are gone"
    return row.finding.title if row.finding else gone


def decided(decision: Decision | None) -> str:
    """A decision in one line: the action, and what goes with it. Not yet escaped."""
    if decision is None:
        return "–"
    form = file_form(decision)
    said = [", ".join(decision.controls).replace("_", " ")] if isinstance(decision, Mitigate) else []
    named = ("to", "change", "why", "question", "who")
    said += [plain(form[key], 160) for key in named if key in form]
    said += [f"{word} {form[word]}" for word in ("by", "until") if word in form]
    return f"{decision.action.replace('_', ' ')}: " + "; ".join(said)


def static_coverage(walk: Walk) -> tuple[str, Sequence[str], Iterable[Sequence[str]]]:
    """Caption, heads and rows of the matrix for pages where nothing runs."""
    states = walk.coverage()
    progress = walk.progress(states)
    rows = [
        (plain(walk.system[place].label), *(cells.get(letter, "·") for letter in LETTERS))
        for place, cells in states.items()
    ]
    caption = f"STRIDE walk of {plain(walk.system.name)}: {progress.done} of {progress.total} cells done"
    return caption, ("place", *LETTERS), rows


def static_review(walk: Walk) -> tuple[str, Sequence[str], Iterable[Sequence[str]]]:
    """Caption, heads and rows of the decisions so far."""
    rows = [
        (
            plain(_title(row), 120),
            f"{row.finding.risk.score} {row.finding.risk.level}" if row.finding else "–",
            _STANDING[row.state],
            decided(row.decision),
        )
        for row, _, _ in walk.review()
        if row.decision is not None or not hasattr(row.finding, "explanation")
    ]
    return "Decisions and own threats so far", ("threat", "risk", "status", "decision"), rows


def image(picture: Picture) -> str:
    """A picture with its alt text, sharp at any size."""
    data = base64.b64encode(picture.content("svg")).decode("ascii")
    return f'<img alt="{html.escape(picture.alt, quote=True)}" src="data:image/svg+xml;base64,{data}">'
