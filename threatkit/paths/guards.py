"""How difficult a step of an attack is: a small additive model.

The difficulty of a step is `-log(p)`, p being how likely it is that somebody who tries gets past it; difficulties of
steps add up as likelihoods multiply. Each kind of step starts at a likelihood of its own and has its controls:

- a control that `cuts` this kind of step and is deterministic ends it: no path goes on there;
- one that cuts but depends on people (procedural) leaves one try in five;
- one that only `lowers` it leaves 0.3 of the tries if deterministic, half if probabilistic, 0.6 if procedural.

Only what is said to be in place counts, so a control never makes a step easier. What nobody said is taken in the
attacker's favour: it raises nothing, but the step says what it assumes. The figures order paths; they are no measured
probabilities. The idea is that of attack graphs with additive costs (Phillips and Swiler 1998,
https://doi.org/10.1145/310889.310919; Wang et al. 2008, https://doi.org/10.1007/978-3-540-70567-3_22).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import log

import numpy as np

from threatkit.facts import Facts
from threatkit.references import load_controls

SCALE = 1000  # difficulties are whole thousandths, so that sums are exact and results do not depend on order
CUT_BY_PEOPLE = 0.2
LOWERED = {"deterministic": 0.3, "probabilistic": 0.5, "procedural": 0.6}


@dataclass(frozen=True)
class Kind:
    """A kind of step: how likely it works where nothing stands in the way, and what stands in the way.

    `near`: where a control counts: `flow` (the flow and both its ends), `element` (the one that is entered or used).
    """

    likelihood: float
    cuts: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    near: str = "flow"

    @property
    def controls(self) -> tuple[str, ...]:
        """All that help, those that cut first."""
        return self.cuts + self.lowers


_READ = ("user_delegated_authz", "document_acl_trimming", "tenant_filter", "query_allowlist")
_READ_LOWERS = ("authorization", "least_privilege_scopes", "secrets_vault", "memory_isolation", "env_separation")
_CLASSIFIERS = ("prompt_injection_classifier", "prompt_injection_classifier_large", "untrusted_content_marking")
_CLASSIFIERS += ("content_moderation_input", "topic_scope_filter")
_ENTRY = ("authentication", "network_exposure_control", "origin_csrf_check", "rate_limit", "anomaly_detection")
_INPUT = ("ingestion_sanitization", "invisible_text_stripping", "tool_output_sanitization", "attachment_malware_scan")
_INPUT += ("input_validation",)
_SENT = ("pii_redaction_output", "secrets_scanning", "dlp_gateway", "anomaly_detection", "token_rotation_binding")
_SENT += ("content_moderation_output", "human_approval")
_EFFECT = ("least_privilege_scopes", "tool_allowlist", "argument_validation", "user_delegated_authz", "rate_limit")
_ABUSE = ("authorization", "authentication", "input_validation", "argument_validation", "output_schema_validation")
_ABUSE += ("origin_csrf_check", "network_exposure_control")
_CHECKED = ("groundedness_check", "citation_enforcement", "ai_disclosure", "content_moderation_output")
_CHECKED += ("output_link_allowlist", "topic_scope_filter")
_KEPT = ("config_integrity", "memory_write_gate", "source_curation", "artifact_signing", "training_data_provenance")
_KEPT += ("code_review_ci",)

KINDS: Mapping[str, Kind] = {
    # how it begins
    "outside": Kind(1.0),  # the attacker is there, or anyone can write there
    "stated": Kind(0.15),  # the model says that the text is untrusted, and not who writes it
    "supplier": Kind(0.1),  # a supplier is taken over
    # influence: text on its way to what decides. What cuts it is in threatkit.taint.
    "enter": Kind(0.9, lowers=_INPUT + _ENTRY),  # from outside, or into more trusted hands
    "carry": Kind(0.95, lowers=_INPUT),
    "describe": Kind(  # as what a tool says of itself
        0.9, ("tool_description_pinning",), ("artifact_signing", "agent_identity_registry", "tool_allowlist", *_INPUT)
    ),
    "repeat": Kind(0.95, (), (*_CHECKED, "human_handoff")),  # in the words of a model
    # a mind, a program or a supply chain is taken over
    "hijack": Kind(
        0.7,
        ("content_provenance_labels", "context_minimization", "dual_llm_quarantine", "plan_then_execute"),
        _CLASSIFIERS,
        "element",
    ),
    "persuade": Kind(  # by the user whom it serves: labels and plans do not tell that order from others
        0.7,
        ("context_minimization", "dual_llm_quarantine"),
        ("content_provenance_labels", "plan_then_execute", *_CLASSIFIERS),
        "element",
    ),
    "run": Kind(0.6, ("sandboxed_execution",), ("output_code_scanning", "human_approval", *_ABUSE), "element"),
    "abuse": Kind(0.15, (), _ABUSE, "element"),
    "request": Kind(0.4, (), ("policy_engine", "human_approval", *_ABUSE)),
    "show": Kind(0.6, ("output_encoding", "output_link_allowlist", "output_schema_validation"), ()),
    "supply": Kind(
        0.6,
        ("artifact_signing", "dependency_pinning", "config_integrity"),
        ("safe_serialization", "model_scanning", "sandboxed_execution", "package_existence_check", "model_eval_gate")
        + ("code_review_ci", "env_separation", "tool_description_pinning"),
    ),
    "train": Kind(
        0.3,
        ("training_data_provenance", "source_curation"),
        ("model_eval_gate", "ingestion_sanitization", "human_approval"),
    ),
    # action: what is taken over acts
    "join": Kind(0.99),  # an agent and the model that it asks
    "call": Kind(0.85, ("policy_engine", "human_approval"), _EFFECT),
    "ask": Kind(0.8, ("policy_engine",), _EFFECT),
    "read": Kind(0.9, _READ, _READ_LOWERS),
    "reread": Kind(0.5, _READ, _READ_LOWERS),  # what may write there may perhaps read there
    "reach": Kind(  # what an outsider is connected to anyway
        0.5,
        _READ,
        ("authorization", "authentication", "network_exposure_control", "token_rotation_binding")
        + ("least_privilege_scopes", "rate_limit", "anomaly_detection"),
    ),
    "see": Kind(0.8, (), ("pii_redaction_input", "secrets_scanning", "secrets_vault"), "element"),
    "extract": Kind(
        0.2, (), ("rate_limit", "query_watermark_monitor", "anomaly_detection", "authentication"), "element"
    ),
    # the way out
    "tell": Kind(0.9, ("output_schema_validation",), _SENT),  # in the words of a model
    "move": Kind(0.9, (), _SENT),
    "answer": Kind(0.8, (), _SENT),
    "leave": Kind(1.0),
    "send": Kind(0.8, ("egress_allowlist", "output_link_allowlist"), _SENT, "element"),
    "connect": Kind(0.5, ("egress_allowlist", "sandboxed_execution"), _SENT, "element"),
    # what it is for
    "act": Kind(
        0.9, ("human_approval",), ("sandboxed_execution", "backup_soft_delete", "anomaly_detection"), "element"
    ),
    "change": Kind(
        0.6, _KEPT, ("authorization", "ingestion_sanitization", "model_eval_gate", "human_approval"), "element"
    ),
    "destroy": Kind(0.7, ("backup_soft_delete",), ("env_separation", "least_privilege_scopes"), "element"),
    "mislead": Kind(0.6, ("human_handoff",), _CHECKED),
}
AUTHENTICATED = 0.7  # to enter where callers are known, an attacker needs an account
ASSUMED = 0.5  # nobody said that it can; taken as half as likely, and said
PASSING = 0.5  # a program that keeps nothing: only what passes while the attacker is there
OWN_ANSWER = 0.4  # only those who ask get to see what they asked for


def thousandths(likelihood: float) -> int:
    """The difficulty of a likelihood, in whole thousandths.

    >>> thousandths(0.5), thousandths(1.0)
    (693, 0)
    """
    return round(-SCALE * log(likelihood))


def left(control: str, cuts: bool) -> float:
    """What a control in place leaves of the likelihood of a step: 0 where it ends it.

    >>> left("egress_allowlist", True), left("human_approval", True), left("secrets_scanning", False)
    (0.0, 0.2, 0.5)
    """
    assurance = load_controls()[control]["assurance"]
    if cuts:
        return {"deterministic": 0.0, "procedural": CUT_BY_PEOPLE}.get(assurance, LOWERED["probabilistic"])
    return LOWERED[assurance]


@cache
def _raised(name: str) -> tuple[tuple[str, int | None], ...]:
    """Each control of a kind of step with the thousandths that it adds; None where it ends the step."""
    kind = KINDS[name]
    rates = [(c, left(c, True)) for c in kind.cuts] + [(c, left(c, False)) for c in kind.lowers]
    return tuple((control, thousandths(rate) if rate else None) for control, rate in rates)


class Costs:
    """Difficulties of one kind of step at all flows or all elements: `cost` in thousandths, -1 where it is cut."""

    def __init__(self, facts: Facts, name: str):
        kind, index = KINDS[name], facts.index
        side = kind.near
        total = np.full(facts.size[side], thousandths(kind.likelihood), dtype=np.int64)
        cut = np.zeros(facts.size[side], dtype=bool)
        for control, more in _raised(name):
            if not (facts.here["element"].get(control) or facts.here["flow"].get(control)):
                continue
            there = facts.mask("element", facts.here["element"].get(control, ()))
            if side == "flow":
                on_flow = facts.mask("flow", facts.here["flow"].get(control, ()))
                there = on_flow | there[index.source] | there[index.target]
            if more is None:
                cut |= there
            else:
                total += more * there
        self.cost = np.where(cut, -1, total)


def met(facts: Facts, name: str, places: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    """Controls of a kind of step in place at these places: (control, place, whether it could end the step)."""
    kind = KINDS[name]
    return tuple(
        (control, place, control in kind.cuts)
        for control in kind.controls
        for place in places
        if control in facts.system[place].controls
    )
