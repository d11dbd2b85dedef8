"""Risk: likelihood times impact, each 1 to 5, with the reasons in words.

Likelihood starts at the rule's own figure; it rises where an outsider is near, falls where no outsider gets, and
falls with each control in place that lowers the threat. Impact is the worst of what the rule names: a fixed figure,
the data that is there, the effects that can be caused. The scheme is an ordinal aid for ranking, in the manner of the
OWASP Risk Rating Methodology; it is no probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from threatkit.catalog import Rule
from threatkit.errors import ModelError
from threatkit.facts import Facts, control
from threatkit.vocabulary import effects, heaviest, vocabulary

NEAR, MOST_LOWERED = 2, 2
REACHED = ("tainted", "exposed", "enters_more_trusted", "outside", "untrusted", "model_calls")  # facts about outsiders


@dataclass(frozen=True)
class Risk:
    """Likelihood and impact from 1 to 5, and why.

    >>> Risk(4, 5, ("…",)).score, Risk(4, 5, ()).level
    (20, 'critical')
    """

    likelihood: int
    impact: int
    reasons: tuple[str, ...]

    @property
    def score(self) -> int:
        """Likelihood times impact, 1 to 25."""
        return self.likelihood * self.impact

    @property
    def level(self) -> str:
        """critical from 20, high from 12, medium from 6, else low."""
        score = self.score
        return "critical" if score >= 20 else "high" if score >= 12 else "medium" if score >= 6 else "low"


@dataclass(frozen=True)
class RiskOverride:
    """Somebody's own judgement of a finding's risk. Without a reason it is refused."""

    reason: str
    likelihood: int | None = None
    impact: int | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ModelError("a risk that is set by hand needs a reason")
        for name in ("likelihood", "impact"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 1 <= value <= 5):
                raise ModelError(f"{name} must be a number from 1 to 5, found {value!r}")

    def apply(self, risk: Risk) -> Risk:
        """The risk with the figures set by hand, and the reason added."""
        likelihood, impact = self.likelihood or risk.likelihood, self.impact or risk.impact
        return Risk(likelihood, impact, (*risk.reasons, f"set by hand: {self.reason}"))


def likelihood(rule: Rule, facts: Facts, numbers: np.ndarray) -> np.ndarray:
    """The likelihood of a rule at each of its places."""
    near, lowered = _exposure(rule, facts)[numbers], _lowered(rule, facts)[numbers]
    return np.clip(rule.likelihood + near - lowered, 1, 5)


def impact(rule: Rule, facts: Facts, numbers: np.ndarray) -> np.ndarray:
    """The impact of a rule at each of its places."""
    most = np.ones(len(numbers), dtype=np.int64)
    for part in rule.impact:
        figure = part if isinstance(part, int) else _weights(rule, facts, part)[numbers]
        most = np.maximum(most, figure)
    return np.clip(most, 1, 5)


def reasons(rule: Rule, facts: Facts, number: int) -> tuple[str, ...]:
    """The reasons behind likelihood and impact at one place, in words."""
    found = [f"likelihood starts at {rule.likelihood} for this threat"]
    exposure, lowered = int(_exposure(rule, facts)[number]), int(_lowered(rule, facts)[number])
    if exposure > 0:
        found.append("likelihood +1: an outsider's text arrives within two steps")
    elif exposure < 0:
        found.append("likelihood -1: nothing that an outsider writes gets here")
    if lowered:
        names = [word for word in rule.lowers if _present(rule, facts, word)[number]]
        found.append(f"likelihood -{lowered}: in place and of help: {', '.join(names)}")
    score = int(impact(rule, facts, np.array([number]))[0])
    for part in rule.impact:
        if part == score:
            found.append(f"impact {score}: usual for this threat")
        elif part == "data" and int(_weights(rule, facts, "data")[number]) == score:
            found.append(f"impact {score}: {_worst_data(rule, facts, number)} can be reached here")
        elif part == "effect" and int(_weights(rule, facts, "effect")[number]) == score:
            found.append(f"impact {score}: {_worst_effect(rule, facts, number)}")
    return tuple(found)


def _exposure(rule: Rule, facts: Facts) -> np.ndarray:
    """+1 within NEAR steps of untrusted text, -1 where none arrives; 0 for rules that are not about outsiders."""
    if not any(word in str(rule.when) for word in REACHED):
        return np.zeros(facts.size[rule.side], dtype=np.int64)
    key = ("exposure", rule.side)
    if key not in facts.cache:
        distance = facts.taint.any.sure.distance
        if rule.side == "flow":
            distance = np.minimum(distance[facts.index.source], distance[facts.index.target])
        facts.cache[key] = (distance <= NEAR).astype(np.int64) - np.isinf(distance)
    return facts.cache[key]


def _lowered(rule: Rule, facts: Facts) -> np.ndarray:
    total = np.zeros(facts.size[rule.side], dtype=np.int64)
    for word in rule.lowers:
        if facts.here["element"].get(word) or facts.here["flow"].get(word):
            total += _present(rule, facts, word)
    return np.minimum(total, MOST_LOWERED)


def _present(rule: Rule, facts: Facts, word: str) -> np.ndarray:
    """Where a control is in place: here or next door, or on a way of untrusted text while every open way passes it."""
    key = ("present", rule.side, word)
    if key not in facts.cache:
        near = control(facts, rule.side, word).yes
        taint, index = facts.taint, facts.index
        element, flow = facts.said("element", "controls", word).yes, facts.said("flow", "controls", word).yes
        free = taint.carries_on & ~flow & ~element[index.source] & ~element[index.target]
        unmet = index.reach(taint.any.sure.origins & ~element, free).reached
        passed = taint.met(element, flow) & ~unmet
        facts.cache[key] = near | (passed if rule.side == "element" else passed[index.source])
    return facts.cache[key]


def _weights(rule: Rule, facts: Facts, part: str) -> np.ndarray:
    if rule.side == "element":
        return facts.leak if part == "data" else facts.effect
    if part == "effect":
        return facts.effect[facts.index.target]
    return facts.data_weight["flow"]


def _worst_data(rule: Rule, facts: Facts, number: int) -> str:
    if rule.side == "flow":
        word = heaviest(facts.system.classes(facts.index.flows[number].carries))
    else:
        driven = facts.is_kind("agent", "llm")
        same = np.flatnonzero(facts.mind == facts.mind[number]) if driven[number] else [number]
        numbers = {int(other) for other in same}
        classes = {c for other in numbers for c in facts.system.classes(facts.index.elements[other].holds)}
        for flow, source, target in zip(facts.index.flows, facts.index.source, facts.index.target, strict=True):
            if int(source) in numbers or int(target) in numbers:
                classes |= facts.system.classes(flow.carries)
        word = heaviest(classes)
    return vocabulary()["data_classes"][word]["means"].rstrip(".").lower() if word else "data"


def _worst_effect(rule: Rule, facts: Facts, number: int) -> str:
    where = number if rule.side == "element" else int(facts.index.target[number])
    own = [word for word in effects() if word in facts.index.elements[where].properties]
    listed: Mapping = vocabulary()["properties"]
    worst = max(own, key=lambda word: listed[word]["effect"], default=None)
    if worst is None or listed[worst]["effect"] < facts.effect[where]:
        return "what it calls can do that much"
    return listed[worst]["means"].rstrip(".").lower()
