"""Small random systems with plain ids, in which facts about reach are often decided: for properties of the analysis.

A system is made from one seed, which is much faster than a draw for each attribute.
"""

from __future__ import annotations

import random

from hypothesis import strategies as st

from threatkit.model import System
from threatkit.vocabulary import words

ZONES = {"net": "untrusted", "vendor": "vendor", "us": "trusted", "dark": None}
KINDS = (
    "user", "user", "external_entity", "third_party_service", "process", "agent", "agent", "llm", "tool", "mcp_server",
    "retriever", "datastore", "vector_store", "memory", "log_store", "training_pipeline", "model_registry",
)  # fmt: skip
CUTTING = ("context_minimization", "dual_llm_quarantine", "source_curation", "output_schema_validation")
CONTROLS = (*CUTTING, "human_approval", "action_preview_full", "egress_allowlist", "output_link_allowlist")
PROPERTIES = ("send_message", "delete", "web_fetch", "renders_remote_content", "code_exec", "privileged")
DATA = ("public", "pii", "credentials", "config", "model_weights")
CONTENT = (None, None, None, *words("content_trust"))


def few(chance: random.Random, choices: tuple[str, ...], most: int = 2) -> list[str]:
    return chance.sample(choices, chance.randint(0, most))


def flow_attributes(chance: random.Random) -> dict:
    return {
        "kind": chance.choice(("data", "data", "data", "call", "supply", "train", "render")),
        "content": chance.choice(CONTENT),
        "carries": chance.choice([None, few(chance, DATA)]),
        "controls": few(chance, CONTROLS, 1) if chance.random() < 0.3 else [],
        "encrypted": chance.choice([None, True, False]),
        "authenticated": chance.choice([None, True, False]),
    }


def net(seed: int, zones: tuple[str, ...] = tuple(ZONES), most: int = 6) -> System:
    """A system of 2 to `most` elements in these zones (`dark`: nobody said how far it can be trusted)."""
    chance = random.Random(seed)
    system = System("Net")
    for zone in zones:
        system.boundary(zone, trust=ZONES[zone])
    size = chance.randint(2, most)
    for number in range(size):
        system.element(
            f"e{number}",
            chance.choice(KINDS),
            boundary=chance.choice(zones),
            properties=few(chance, PROPERTIES) if chance.random() < 0.5 else [],
            controls=few(chance, CONTROLS, 1) if chance.random() < 0.3 else [],
            holds=chance.choice([None, few(chance, DATA)]),
            complete=few(chance, ("properties", "controls"), 1),
        )
    for number in range(chance.randint(1, 2 * most)):
        ends = [f"e{chance.randrange(size)}" for _ in range(2)]
        system.flow(f"f{number}", *ends, **flow_attributes(chance))
    return system


seeds = st.integers(0, 2**32)
chances = seeds.map(random.Random)


def nets(zones: tuple[str, ...] = tuple(ZONES)) -> st.SearchStrategy[System]:
    """Random systems."""
    return st.builds(net, seeds, st.just(zones))
