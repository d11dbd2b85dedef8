"""Two editions of the catalogue: which rules and ids moved, and what that does to the findings of one system.

old, new = load_catalog(edition="2025.1"), load_catalog()
catalog_diff(old, new).added
catalog_changes(system, old, new)      # findings that are new because the catalogue moved, and not the system
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from threatkit.analysis import Analysis, analyze
from threatkit.catalog import Catalog, Rule
from threatkit.findings import Finding, Overrides
from threatkit.model import System

CAUSE = "catalogue"
_COMPARED = ("when", "side", "stride", "references", "cuts", "lowers", "likelihood", "impact", "cause")


@dataclass(frozen=True)
class Renumbering:
    """An id of a list that goes by another one in its later year."""

    list: str
    old: str
    new: str
    old_name: str
    new_name: str

    def __str__(self) -> str:
        renamed = self.old_name if self.old_name == self.new_name else f"{self.old_name} -> {self.new_name}"
        return f"{self.old} -> {self.new} ({renamed})"


@dataclass(frozen=True)
class RuleChange:
    """A rule that both catalogues have, and what of it differs: when, stride, references and so on."""

    old: Rule
    new: Rule
    differs: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id of the rule."""
        return self.new.id


@dataclass(frozen=True)
class CatalogDiff:
    """How one catalogue became another. `renumbered` are ids that rules cite under another number now."""

    old: Catalog
    new: Catalog
    added: tuple[Rule, ...]
    gone: tuple[Rule, ...]
    changed: tuple[RuleChange, ...]
    renumbered: tuple[Renumbering, ...]

    def to_dict(self) -> dict[str, Any]:
        """The difference as plain values; the shape is documented in docs/json.md."""
        return {
            "old": self.old.version,
            "new": self.new.version,
            "added": [{"rule": rule.id, "title": rule.title, "since": rule.since} for rule in self.added],
            "gone": [{"rule": rule.id, "title": rule.title, "since": rule.since} for rule in self.gone],
            "changed": [
                {"rule": one.id, "title": one.new.title, "differs": list(one.differs)}
                | {name: [_plain(one.old, name), _plain(one.new, name)] for name in one.differs}
                for one in self.changed
            ],
            "renumbered": [
                {"list": one.list, "old": [one.old, one.old_name], "new": [one.new, one.new_name]}
                for one in self.renumbered
            ],
        }


def catalog_diff(old: Catalog, new: Catalog) -> CatalogDiff:
    """What changed from one catalogue to another, in the order of the rules.

    >>> from threatkit.catalog import load_catalog
    >>> [str(one) for one in catalog_diff(load_catalog(edition="2025.1"), load_catalog()).renumbered][5]
    'LLM06:2025 -> LLM03:2026 (Excessive Agency)'
    """
    changed = []
    for id, rule in new.rules.items():
        before = old.rules.get(id)
        differs = tuple(name for name in _COMPARED if before and _plain(before, name) != _plain(rule, name))
        if before and differs:
            changed.append(RuleChange(before, rule, differs))
    return CatalogDiff(
        old,
        new,
        tuple(rule for id, rule in new.rules.items() if id not in old.rules),
        tuple(rule for id, rule in old.rules.items() if id not in new.rules),
        tuple(changed),
        _renumbered(old, new),
    )


@dataclass(frozen=True)
class FindingChange:
    """What a move of the catalogue does to one finding. `kind`: new, gone or references; the cause is the catalogue."""

    kind: str
    finding: Finding
    reason: str
    renumbered: tuple[Renumbering, ...] = ()
    cause: str = CAUSE

    @property
    def id(self) -> str:
        """The id of the finding."""
        return self.finding.id

    def to_dict(self) -> dict[str, Any]:
        """The change as plain values; the shape is documented in docs/json.md."""
        pairs = [[one.old, one.new] for one in self.renumbered]
        return {
            "finding": self.id,
            "kind": self.kind,
            "cause": self.cause,
            "reason": self.reason,
            "renumbered": pairs,
        }


def catalog_changes(
    system: System | Analysis, old: Catalog, new: Catalog | None = None, *, overrides: Overrides | None = None
) -> list[FindingChange]:
    """The findings of one system that are new, gone or cite other ids with another catalogue.

    The system is the same on both sides, so the catalogue is the only cause. An analysis that is there already saves
    one; its catalogue is `new` then. In the order of the new analysis, those that are gone last.
    """
    after = system if isinstance(system, Analysis) else analyze(system, new, overrides=overrides)
    before = analyze(after.system, old, overrides=after.overrides)
    here, there = ({finding.id: finding for finding in one.findings} for one in (before, after))
    renumbered = _renumbered(old, after.catalog)
    changes = []
    for id, finding in there.items():
        if id not in here:
            changes.append(FindingChange("new", finding, _why(finding, old, after.catalog, "new")))
        elif dict(finding.references) != dict(here[id].references):
            pairs = tuple(one for one in renumbered if _moved(one, here[id], finding))
            names = sorted(set(finding.references) - set(here[id].references))
            said = [f"{one.old} is {one.new} now" for one in pairs]
            said += [f"also cites {', '.join(names)}"] if names else []
            changes.append(FindingChange("references", finding, "; ".join(said) or "cites other ids", pairs))
    gone = [finding for id, finding in here.items() if id not in there]
    return changes + [FindingChange("gone", finding, _why(finding, after.catalog, old, "gone")) for finding in gone]


def _why(finding: Finding, without: Catalog, having: Catalog, kind: str) -> str:
    """Why one catalogue has a finding that the other has not."""
    rule, other = having.rule(finding.rule), without.rules.get(finding.rule)
    if other is None:
        came = f"came with edition {rule.since}" if rule.since else f"is not in {without.version}"
        return f"the rule {rule.id} {came}" if kind == "new" else f"the rule {rule.id} is no more in {without.version}"
    if str(other.when) != str(rule.when):
        return f"the condition of the rule {rule.id} changed"
    return f"the rule {rule.id} puts other places together, or has other controls"


def _moved(one: Renumbering, before: Finding, after: Finding) -> bool:
    old, new = before.references.get(one.list, ()), after.references.get(one.list, ())
    return one.old in old and one.new in new and one.new not in old


def _renumbered(old: Catalog, new: Catalog) -> tuple[Renumbering, ...]:
    """Ids that a rule of the old catalogue cites and that the new one has under another number."""
    found = []
    for name, entries in old.references.items():
        for id, entry in entries.items():
            for later in (value for key, value in entry.items() if key.startswith("maps_to_")):
                target = new.references.get(name, {}).get(later)
                if target and later not in entries:
                    found.append(Renumbering(name, id, later, entry["name"], target["name"]))
    return tuple(found)


def _plain(rule: Rule, name: str) -> Any:
    value = getattr(rule, name)
    if name == "references":
        return {key: list(ids) for key, ids in value.items()}
    return str(value) if name == "when" else list(value) if isinstance(value, tuple) else value
