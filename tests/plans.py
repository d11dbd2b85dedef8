"""Small random GPT applications for tests of plans, and plans by brute force through the engine."""

from __future__ import annotations

from itertools import combinations

from hypothesis import strategies as st

from threatkit import System, analyze
from threatkit.controls import Standing, with_controls
from threatkit.effects import relevant
from threatkit.placements import Placement, cost
from threatkit.requestpaths import request_paths
from threatkit.vocabulary import words

KINDS = ("user", "external_entity", "third_party_service", "process", "guardrail", "agent", "agent", "llm", "tool")
KINDS += ("mcp_server", "retriever", "datastore", "vector_store", "memory", "log_store", "prompt_template")
PROPERTIES = ("send_message", "web_fetch", "code_exec", "delete", "privileged", "autonomous", "internet_exposed")
PROPERTIES += ("renders_remote_content", "shared_service_account", "dynamic_registration")
DATA = ("pii", "confidential", "credentials", "chat_history", "system_prompt", "untrusted_text", "public")
SAID = ("human_approval", "action_preview_full", "rate_limit", "prompt_injection_classifier", "policy_engine")
SAID += ("tool_allowlist", "output_schema_validation", "content_provenance_labels", "env_separation")


@st.composite
def applications(draw, most: int = 6) -> System:
    """A small system in which rules fire: kinds, trust, text and data as hand-made models have them."""
    system = System("A")
    for id, trust in (("out", "untrusted"), ("own", "trusted"), ("half", draw(st.sampled_from(["vendor", None])))):
        system.boundary(id, trust=trust)
    count = draw(st.integers(2, most))

    def some(choices: tuple, size: int = 2) -> list:
        return draw(st.lists(st.sampled_from(choices), max_size=size, unique=True))

    for number in range(count):
        there = some(SAID, 1)
        system.element(
            f"e{number}",
            draw(st.sampled_from(KINDS)),
            boundary=draw(st.sampled_from(["out", "own", "own", "half"])),
            properties=some(PROPERTIES),
            holds=draw(st.sampled_from([None, ["pii"], ["credentials", "config"], []])),
            controls=there,
            without=[word for word in some(SAID) if word not in there],
            complete=draw(st.sampled_from([[], ["controls"], ["controls", "properties"]])),
        )
    ends = st.integers(0, count - 1)
    for number in range(draw(st.integers(1, 2 * most))):
        there = some(SAID, 1)
        system.flow(
            f"f{number}",
            f"e{draw(ends)}",
            f"e{draw(ends)}",
            kind=draw(st.sampled_from(["data", "data", "call", "render", "supply", "train"])),
            carries=draw(st.sampled_from([None, [], *([word] for word in DATA)])),
            content=draw(st.sampled_from([None, None, "untrusted", "mixed", "model_generated", "trusted"])),
            encrypted=draw(st.sampled_from([None, True, False])),
            authenticated=draw(st.sampled_from([None, True, False])),
            controls=there,
            without=[word for word in some(SAID) if word not in there],
            complete=draw(st.sampled_from([[], ["controls"]])),
        )
    return system


@st.composite
def applications_with_placements(draw, most: int = 6, choices: int = 6) -> tuple[System, list[Placement]]:
    """A system and a few of the placements that could help in it."""
    system = draw(applications(most))
    order = {word: number for number, word in enumerate(words("controls"))}
    found = sorted(relevant(Standing(analyze(system))), key=lambda p: (order[p.control], p.place))
    if not found:
        return system, []
    return system, draw(st.lists(st.sampled_from(found), min_size=1, max_size=choices, unique=True))


def brute_force(
    system: System, choices: list[Placement], latency_ms: float | None, budget: float | None
) -> tuple[int, int]:
    """Least residual risk, and the fewest controls that reach it, over every subset, by the engine itself."""
    standing, paths = Standing(analyze(system)), request_paths(system)
    best = None
    for size in range(len(choices) + 1):
        for chosen in combinations(choices, size):
            if budget is not None and sum(cost(p.control) for p in chosen) > budget:
                continue
            if latency_ms is not None and any(path.latency(chosen) > latency_ms for path in paths):
                continue
            after = analyze(with_controls(system, list(chosen)))
            if standing.arisen(after):
                continue
            found = (standing.residual(after), size)
            best = found if best is None or found < best else best
    return best
