"""Threagile: assets, links, nested boundaries and tracked risks, and every real file counted apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from formats.broken import spoilt
from formats.samples import OWN, files, names
from threatkit import convert
from threatkit.errors import FormatError
from threatkit.formats import threagile
from threatkit.formats.reading import parse

SHOP = OWN / "shop.threagile.yaml"
REAL = [path for path in files("threagile") if "\ntechnical_assets:\n" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", [SHOP, *REAL], ids=names([SHOP, *REAL]))
def test_all_assets_links_and_boundaries_come_in(path: Path) -> None:
    top = yaml.safe_load(path.read_text("utf-8"))
    assets = top["technical_assets"]
    ids = {asset["id"] for asset in assets.values()}
    links = [asset.get("communication_links") or {} for asset in assets.values()]
    ends = [link for each in links for link in (each if isinstance(each, list) else each.values())]
    flows = sum((link.get("target") or link.get("target_id")) in ids for link in ends)
    counts = convert(path).counts
    assert (counts["elements"], counts["flows"]) == (len(assets), flows)
    assert counts["boundaries"] == len(top.get("trust_boundaries") or ())


def test_what_an_asset_and_a_link_say_is_kept() -> None:
    found = convert(SHOP)
    system = found.system
    assert (system["store"].kind, system["store"].holds, system["store"].boundary) == (
        "datastore",
        ("orders",),
        "inner",
    )
    assert system.boundaries["inner"].inside == "data-centre"
    assert system["web"].properties == ("internet_exposed",)
    asks = next(flow for flow in system.flows.values() if flow.source == "browser")
    assert (asks.protocol, asks.encrypted, asks.carries) == ("https", True, ("orders",))
    assert found.counts["threats"] == 1 and any("gone" in note.what for note in found.dropped)


def test_any_part_may_be_something_else() -> None:
    taken = 0
    for _, wrong in spoilt(yaml.safe_load(SHOP.read_text("utf-8"))):
        content = parse(json.dumps(wrong).encode())
        try:
            taken += threagile.knows(content) and threagile.read(content) is not None
        except FormatError as error:
            assert len(str(error)) < 500
    assert taken > 50
