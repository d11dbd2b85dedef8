"""Small random systems with plain ids, in which facts about reach are often decided: for properties of the analysis."""

from __future__ import annotations

from hypothesis import strategies as st

from threatkit.model import System
from threatkit.vocabulary import words

ZONES = {"net": "untrusted", "vendor": "vendor", "us": "trusted", "dark": None}
KINDS = (
    "user", "external_entity", "third_party_service", "process", "agent", "agent", "llm", "tool", "mcp_server",
    "retriever", "datastore", "vector_store", "memory", "log_store", "training_pipeline", "model_registry",
)  # fmt: skip
CUTTING = ("context_minimization", "dual_llm_quarantine", "source_curation", "output_schema_validation")
CONTROLS = (*CUTTING, "human_approval", "action_preview_full", "egress_allowlist", "output_link_allowlist")
PROPERTIES = ("send_message", "delete", "web_fetch", "renders_remote_content", "code_exec", "privileged")
DATA = ("public", "pii", "credentials", "config", "model_weights")


def few(choices: tuple[str, ...], most: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(choices), max_size=most, unique=True)


def unsaid_or(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


@st.composite
def flow_attributes(draw) -> dict:
    return {
        "kind": draw(st.sampled_from(("data", "data", "call", "supply", "train", "render"))),
        "content": draw(unsaid_or(st.sampled_from(words("content_trust")))),
        "carries": draw(unsaid_or(few(DATA))),
        "controls": draw(st.just([]) | few(CONTROLS, 1)),
        "encrypted": draw(st.sampled_from([None, True, False])),
        "authenticated": draw(st.sampled_from([None, True, False])),
    }


@st.composite
def nets(draw, zones: tuple[str, ...] = ("net", "vendor", "us", "dark"), most: int = 6) -> System:
    """A system of 2 to `most` elements in these zones (`dark`: nobody said how far it can be trusted)."""
    system = System("Net")
    for zone in zones:
        system.boundary(zone, trust=ZONES[zone])
    size = draw(st.integers(2, most))
    for number in range(size):
        system.element(
            f"e{number}",
            draw(st.sampled_from(KINDS)),
            boundary=draw(st.sampled_from(zones)),
            properties=draw(st.just([]) | few(PROPERTIES)),
            controls=draw(st.just([]) | few(CONTROLS, 1)),
            holds=draw(unsaid_or(few(DATA))),
            complete=draw(few(("properties", "controls"), 1)),
        )
    for number in range(draw(st.integers(1, 2 * most))):
        ends = [f"e{draw(st.integers(0, size - 1))}" for _ in range(2)]
        system.flow(f"f{number}", *ends, **draw(flow_attributes()))
    return system
