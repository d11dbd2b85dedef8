"""What lies behind an element or a flow: everything that the model and the analysis say about it, as HTML or a table.

All texts of the model are escaped; the HTML has no script and no style sheet.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

from threatkit.draw import theme
from threatkit.draw.views import short_name
from threatkit.explain import html_table
from threatkit.model import System

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions
    from threatkit.findings import Finding
    from threatkit.nouns import Element, Flow

_MOST = 40  # findings, questions and flows that are listed
_LONG = 1500  # characters of one text


def behind(analysis: Analysis, place: str, decisions: Decisions | None = None) -> str:
    """Kind, boundary, data, controls, flows, findings with the reason for each, and questions. Raises NotFoundError."""
    system = analysis.system
    part = system[place]
    parts = [
        f"<h3>{_safe(short_name(system, place))}</h3>",
        html_table("What the model says", (), said(analysis, place)),
    ]
    if place in system.elements:
        for words, end in (("Flows in", "target"), ("Flows out", "source")):
            if flows := _flows(system, place, end):
                parts.append(html_table(words, ("flow", "other end", "carries"), flows))
    findings = [finding for finding in analysis.findings if place in finding.places]
    parts.append(f"<h4>{_count(len(findings), 'finding')}</h4>")
    parts += [_finding(analysis, finding, place, decisions) for finding in findings[:_MOST]]
    parts += [f"<p>and {len(findings) - _MOST} more</p>"] if len(findings) > _MOST else []
    asked = [question for question in analysis.questions if question.place == place]
    parts.append(f"<h4>{_count(len(asked), 'open question')}</h4>")
    if asked:
        parts.append("<ul>" + "".join(f"<li>{_safe(q.text)}</li>" for q in asked[:_MOST]) + "</ul>")
    if part.description:
        parts.insert(1, f"<p>{_safe(part.description)}</p>")
    return "".join(parts)


def said(analysis: Analysis, place: str) -> list[tuple[str, str]]:
    """What the model says about a place, as (what, value) rows; what nobody said is "not said"."""
    system, part = analysis.system, analysis.system[place]
    present, absent, unknown = controls(analysis, place)
    rows = [("id", place)]
    if place in system.elements:
        rows += [("kind", f"{_plain(part.kind)} ({_plain(part.shape)})"), ("boundary", _boundary(system, part))]
        rows += [("properties", _listed(map(_plain, part.properties)) or "none said")]
        rows += [("holds", _data(system, part.holds))]
    else:
        rows += [("from", _named(system, part.source)), ("to", _named(system, part.target))]
        rows += [("carries", _data(system, part.carries)), ("kind of flow", _plain(part.kind))]
        rows += [("written by", _plain(part.content or "not said")), ("protocol", part.protocol or "not said")]
        rows += [("encrypted", _truth(part.encrypted)), ("authenticated", _truth(part.authenticated))]
    rows += [("controls in place", _listed(map(_plain, present)) or "none said")]
    rows += [("controls not in place", _listed(map(_plain, absent)) or "none said")]
    rows += [("controls not known, and of use here", _listed(map(_plain, unknown)) or "none")]
    return [(what, theme.clean(value, 400)) for what, value in rows]


def controls(analysis: Analysis, place: str) -> tuple[list[str], list[str], list[str]]:
    """Controls that are in place, that are not, and those not known that findings and questions here ask for."""
    system, facts, part = analysis.system, analysis.facts, analysis.system[place]
    side = "element" if place in system.elements else "flow"
    number = facts.index.number[place] if side == "element" else facts.index.flow_number[place]
    wanted = [word for finding in analysis.findings if place in finding.places for word in finding.controls]
    asked = [rule for question in analysis.questions if question.place == place for rule in question.rules]
    wanted += [word for rule in asked for word in analysis.catalog.rule(rule).controls]
    unknown = [word for word in dict.fromkeys(wanted) if facts.said(side, "controls", word).unknown[number]]
    return [*part.controls], [*part.without], [word for word in unknown if word not in part.controls]


def _finding(analysis: Analysis, finding: Finding, place: str, decisions: Decisions | None) -> str:
    """One finding that can be opened: what can happen, the risk and its reasons, and the facts behind it."""
    risk = finding.risk
    decision = decisions.get(finding) if decisions else None
    rows = [
        ("what can happen", finding.explanation),
        ("risk", f"{risk.score} {risk.level} = likelihood {risk.likelihood} × impact {risk.impact}"),
        ("because", "; ".join(risk.reasons)),
        ("path", " → ".join(short_name(analysis.system, step) for step in finding.path)),
        ("controls that help", ", ".join(map(_plain, finding.controls))),
        ("decision", _plain(decision.action) if decision else "none yet" if decisions is not None else ""),
        ("id", finding.id),
    ]
    table = html_table(finding.title, (), [(what, _cut(value)) for what, value in rows if value])
    why = analysis.why(finding.rule, place)
    heading = f"{risk.score} {risk.level}: {finding.title} ({finding.letters})"
    return (
        f"<details><summary>{_safe(heading)}</summary>{table}"
        f"<details><summary>Why: the facts behind it</summary>{why._repr_html_()}</details></details>"
    )


def _flows(system: System, element: str, end: str) -> list[tuple[str, str, str]]:
    other = "source" if end == "target" else "target"
    flows = [flow for flow in system.flows.values() if getattr(flow, end) == element]
    rows = [(_named(system, f.id), _named(system, getattr(f, other)), _data(system, f.carries)) for f in flows[:_MOST]]
    return rows + ([(f"and {len(flows) - _MOST} more", "", "")] if len(flows) > _MOST else [])


def _boundary(system: System, element: Element | Flow) -> str:
    """The boundary of an element and those around it, with their trust."""
    said, at = [], element.boundary
    while at is not None:
        boundary = system.boundaries[at]
        trust = _plain(boundary.trust or "trust not said")
        said.append(f"{theme.clean(boundary.name or at, 60)} ({trust})")
        at = boundary.inside
    return ", inside ".join(said) or "outside all boundaries"


def _named(system: System, id: str) -> str:
    name = short_name(system, id)
    return name if name == id else f"{name} [{id}]"


def _data(system: System, named: Iterable[str] | None) -> str:
    if named is None:
        return "not said"
    names = [theme.clean(getattr(system.data.get(word), "name", None) or _plain(word), 60) for word in named]
    classes = sorted(_plain(word) for word in system.classes(named))
    about = f" ({', '.join(classes)})" if classes and classes != sorted(names) else ""
    return _listed(names) + about if names else "nothing"


def _truth(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "not said"}[value]


def _plain(word: str) -> str:
    return word.replace("_", " ")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _safe(text: str) -> str:
    return html.escape(theme.clean(text, _LONG))
