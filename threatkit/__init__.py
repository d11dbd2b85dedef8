"""threatkit: threat modelling of GPT applications.

    import threatkit
    app = threatkit.sample("support-assistant")     # or threatkit.load("model.yaml")
    analysis = threatkit.analyze(app)
    analysis.findings[0]
    threatkit.draw(app)

Everything below loads on first use, so that `import threatkit` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threatkit.analysis import Analysis as Analysis
    from threatkit.model import System as System

__version__ = "0.1.0"

_HOME = {
    "System": "model",
    "Boundary": "nouns",
    "Element": "nouns",
    "Flow": "nouns",
    "DataAsset": "nouns",
    "Assumption": "nouns",
    "load": "modelfile",
    "loads": "modelfile",
    "save": "modelfile",
    "dumps": "modelfile",
    "sample": "modelfile",
    "samples": "modelfile",
    "incident": "cases",
    "incidents": "cases",
    "IncidentCase": "cases",
    "crossings": "graph",
    "Catalog": "catalog",
    "load_catalog": "catalog",
    "coverage": "list_coverage",
    "catalog_diff": "editions",
    "catalog_changes": "editions",
    "compare_versions": "changes",
    "audit": "audits",
    "read_baseline": "audits",
    "write_baseline": "audits",
    "analyze": "analysis",
    "Analysis": "analysis",
    "Finding": "findings",
    "Question": "questions",
    "Decisions": "decisions",
    "Decision": "treatments",
    "answer": "answers",
    "choices": "answers",
    "compare": "controls",
    "Comparison": "controls",
    "request_paths": "requestpaths",
    "plan": "budget",
    "tune": "widgets.tuner",
    "Plan": "budget",
    "designs": "safe_designs",
    "DesignCheck": "design_checks",
    "DesignChecks": "design_checks",
    "attack_paths": "paths",
    "AttackPath": "paths",
    "AttackPaths": "paths",
    "choke_points": "paths",
    "ChokePoints": "paths",
    "blast_radius": "paths",
    "BlastRadius": "paths",
    "stolen_credential": "paths",
    "closing": "paths",
    "Risk": "risk",
    "RiskOverride": "risk",
    "Why": "explain",
    "replay": "teaching.replays",
    "Replay": "teaching.replays",
    "convert": "formats",
    "Imported": "formats",
    "personal_data": "privacy",
    "PersonalData": "privacy",
    "erasure_reach": "erasure",
    "ErasureReach": "erasure",
    "assessment": "assessments",
    "Assessment": "assessments",
    "encryption_posture": "protection",
    "readable_by_vendors": "protection",
    "reachable_secrets": "protection",
    "walk": "widgets.walker",
    "check": "teaching.exercises",
    "deck": "teaching.cards",
    "Deck": "teaching.cards",
    "draw": "draw",
    "edit": "widgets.editor",
    "Picture": "draw",
    "risk_matrix": "draw.boards",
    "heat_map": "draw.heat",
    "explore": "widgets.explorer",
    "findings_table": "widgets.findings_table",
    "ThreatkitError": "errors",
    "ModelError": "errors",
    "SaveConflictError": "errors",
    "CatalogError": "errors",
    "FormatError": "errors",
    "VocabularyError": "errors",
    "NotFoundError": "errors",
    "LayoutError": "errors",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'threatkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"threatkit.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
