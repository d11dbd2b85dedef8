"""What the editor's browser side is told: the words of the vocabulary, and the whole model with its findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threatkit.analysis import Analysis
from threatkit.model import System
from threatkit.parts import file_form
from threatkit.vocabulary import meaning, shape_of, words

MOST_FINDINGS = 200
MOST_QUESTIONS = 20
_SECTIONS = {
    "trust": "trust_levels",
    "properties": "properties",
    "controls": "controls",
    "data_classes": "data_classes",
    "classifications": "classifications",
    "flow_kinds": "flow_kinds",
    "content": "content_trust",
    "protocols": "protocols",
}


def vocabulary_words() -> dict[str, list[dict[str, str]]]:
    """Every word that an edit may use, with what it means; a kind has its DFD shape, too."""
    kinds = [{"id": word, "shape": shape_of(word), "says": meaning("kinds", word)} for word in words("kinds")]
    rest = {
        name: [{"id": word, "says": meaning(section, word)} for word in words(section)]
        for name, section in _SECTIONS.items()
    }
    return {"kinds": kinds, **rest}


def drawn(system: System, positions: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """The parts of a system in the form of the model file, and where they stand."""
    tables = {
        "elements": system._elements,
        "flows": system._flows,
        "boundaries": system._boundaries,
        "data": system._data,
    }
    parts = {name: [{"id": id, **file_form(part)} for id, part in table.items()] for name, table in tables.items()}
    where = {key: [x, y] for key, (x, y) in positions.items()}
    return {"name": system.name, "description": system.description, **parts, "positions": where}


def found(analysis: Analysis) -> dict[str, Any]:
    """The riskiest findings and the most valuable questions of an analysis."""
    findings, questions = analysis.findings, analysis.questions
    return {
        "findings": [
            {
                "id": finding.id,
                "title": finding.title,
                "places": list(finding.places),
                "path": list(finding.path),
                "letters": finding.letters,
                "score": finding.score,
                "level": finding.risk.level,
                "explanation": finding.explanation,
            }
            for finding in findings[:MOST_FINDINGS]
        ],
        "more_findings": max(0, len(findings) - MOST_FINDINGS),
        "questions": [
            {"place": asked.place, "fact": asked.fact, "text": asked.text, "rules": len(asked.rules)}
            for asked in questions[:MOST_QUESTIONS]
        ],
        "more_questions": max(0, len(questions) - MOST_QUESTIONS),
    }
