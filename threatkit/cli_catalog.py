"""The commands about the catalogue: `threatkit coverage`, `threatkit catalog`, `threatkit catalog diff A B`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threatkit.cli_page import Page, number, print_json
from threatkit.errors import CatalogError, NotFoundError, nearest, shown

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.catalog import Catalog
    from threatkit.editions import FindingChange
    from threatkit.list_coverage import Coverage


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of this module to the command line."""
    added = command(
        "coverage", _coverage, "show which entries of the public lists have rules, and why others have none"
    )
    added.add_argument("lists", metavar="LIST", nargs="*", help="show each entry of these lists, such as owasp_asi")
    added.add_argument("--json", action="store_true", help="print JSON with every list; docs/json.md describes it")

    added = command("catalog", _catalog, "show the editions of the threat catalogue, or what changed between two")
    wanted = added.add_subparsers(metavar="", title="more")
    diff = wanted.add_parser(
        "diff", help="what changed between two catalogues", description="What changed between two catalogues."
    )
    for name in ("old", "new"):
        diff.add_argument(name, metavar=name.upper(), help="an edition, or a folder of rules for the newest one")
    diff.add_argument("--json", action="store_true", help="print JSON; docs/json.md describes it")
    diff.set_defaults(run=_diff)


def changes_since(analysis: Analysis, edition: str, folders: Iterable[str]) -> list[FindingChange]:
    """What the move from an older edition to the catalogue of this analysis did to its findings."""
    from threatkit.catalog import load_catalog
    from threatkit.editions import catalog_changes

    return catalog_changes(analysis, load_catalog(*folders, edition=edition))


def tell(page: Page, changes: list[FindingChange], edition: str) -> None:
    """Say what these changes are: how many, and each finding that is new or gone with the reason."""
    count = {kind: sum(change.kind == kind for change in changes) for kind in ("new", "gone", "references")}
    page.line(
        f"Since edition {edition}, because the catalogue moved: {count['new']} new, {count['gone']} gone, "
        f"{count['references']} with other reference ids"
    )
    for change in changes:
        if change.kind != "references":
            page.prose(f"{change.kind}: {change.finding.title} ({', '.join(change.finding.places)}): {change.reason}")


def since_to_dict(changes: list[FindingChange], edition: str) -> dict[str, Any]:
    """The changes since an edition as they stand in the JSON of an analysis."""
    return {"edition": edition, "changes": [change.to_dict() for change in changes]}


# -- coverage -------------------------------------------------------------------------------------


def _coverage(options: argparse.Namespace) -> int:
    from threatkit.list_coverage import coverage

    lists = coverage()
    known = [one.list for one in lists]
    for name in options.lists:
        if not any(_is(one, name) for one in lists):
            raise NotFoundError(f"no list {shown(name)}{nearest(name, known)}; there are {', '.join(known)}")
    if options.lists:
        lists = [one for one in lists if any(_is(one, name) for name in options.lists)]
    if options.json:
        print_json({"version": 1, "lists": [one.to_dict() for one in lists]})
        return 0
    page = Page()
    if options.lists:
        for one in lists:
            page.line(f"{one.title}: {len(one.covered)} of {len(one.entries)} have rules", "bold")
            page.table(("ID", "NAME", "RULES"), [(e.id, e.name, ", ".join(e.rules) or "-") for e in one.entries])
            _reasons(page, one)
            page.line()
        return 0
    rows = [(one.list, one.title, len(one.entries), len(one.covered), len(one.uncovered)) for one in lists]
    page.table(("LIST", "TITLE", "ENTRIES", "WITH RULES", "WITHOUT"), rows)
    for one in lists:
        if one.uncovered:
            page.line()
            page.line(f"{one.title}: why {len(one.uncovered)} have no rule", "bold")
            _reasons(page, one)
    page.line()
    page.line("Each entry of a list with its rules:")
    page.command("threatkit coverage owasp_asi")
    return 0


def _is(one: Coverage, name: str) -> bool:
    return name in (one.list, one.list.split(":")[0])


def _reasons(page: Page, one: Coverage) -> None:
    groups: dict[str, list[str]] = {}
    for entry in one.uncovered:
        groups.setdefault(entry.reason or "No reason is given.", []).append(entry.id)
    for reason, ids in groups.items():
        page.prose(f"{reason} ({len(ids)}: {', '.join(ids)})")


# -- catalog --------------------------------------------------------------------------------------


def _catalog(options: argparse.Namespace) -> int:
    from threatkit.catalog import load_catalog
    from threatkit.references import load_changes, load_editions

    page, newest = Page(), load_catalog()
    page.line(f"Threat catalogue {newest.version}: {len(newest.rules)} rules, {len(newest.controls)} controls", "bold")
    page.line()
    rows = []
    for edition in load_editions():
        lists = [name + edition.lists[name] for name in edition.lists]
        rows.append((edition.id, len(load_catalog(edition=edition.id).rules), edition.means, ", ".join(lists)))
    heads, wide = ("EDITION", "RULES", "WHAT IT IS", "LISTS"), page.width >= 140
    page.table(heads if wide else heads[:-1], rows if wide else [row[:-1] for row in rows])
    page.line()
    for change in load_changes():
        page.line(f"{change.version}, {change.date}")
        page.prose(change.text)
    page.line()
    page.line("What changed between two editions:")
    page.command(f"threatkit catalog diff {load_editions()[0].id} {load_editions()[-1].id}")
    return 0


def _diff(options: argparse.Namespace) -> int:
    from threatkit.editions import catalog_diff

    found = catalog_diff(_one(options.old), _one(options.new))
    if options.json:
        print_json({"version": 1} | found.to_dict())
        return 0
    page = Page()
    page.line(f"{options.old} ({found.old.version}) to {options.new} ({found.new.version})", "bold")
    for heading, rules in (("added", found.added), ("gone", found.gone)):
        page.line()
        page.line(f"{number(rules, 'rule')} {heading}")
        if rules:
            page.table(("RULE", "THREAT"), [(rule.id, rule.title) for rule in rules])
    only_references = [one for one in found.changed if one.differs == ("references",)]
    page.line()
    page.line(f"{number(found.changed, 'rule')} changed, {len(only_references)} of them in their references only")
    for one in found.changed:
        if one not in only_references:
            page.prose(f"{one.id}: {', '.join(one.differs)}")
            if "when" in one.differs:
                page.prose(f"was: {one.old.when}", indent=6)
                page.prose(f"is: {one.new.when}", indent=6)
    page.line()
    page.line(f"{number(found.renumbered, 'reference id')} with another number")
    rows = [(one.old, one.new, one.old_name, one.new_name) for one in found.renumbered]
    if rows:
        page.table(("OLD", "NEW", "OLD NAME", "NEW NAME"), rows)
    return 0


def _one(name: str) -> Catalog:
    """The catalogue of an edition, or the newest one with a folder of rules on top."""
    from threatkit.catalog import load_catalog

    try:
        return load_catalog(edition=name)
    except NotFoundError as error:
        if Path(name).is_dir():
            return load_catalog(Path(name))
        raise CatalogError(f"{error}; and there is no such folder of rules") from None
