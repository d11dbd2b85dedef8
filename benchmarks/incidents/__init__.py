"""How well threatkit finds what went wrong in documented incidents.

    python -m benchmarks.incidents [DIR] [--blind] [--renamed SEED] [--merge-adversaries] [--misses] [--json]

DIR holds case files, one incident each: the system before the event, the threats that a good analysis of it raises
(`expected`), and those that would be a false alarm (`should_not_fire`). Without DIR the incidents that come with
threatkit are measured. An analysis sees the system only; names are printed, and never decide.

A finding matches an expectation where one of its places is in `where`, or is a flow that touches an element in
`where`; one of its STRIDE letters is accepted; and it shares an id with at least two of the accepted sets OWASP LLM
(either edition, ids with their year), OWASP ASI and ATLAS.

recall@10      the share of expectations that one of the ten riskiest findings matches: of the primary ones, of all
with questions the same for the primary ones over the first ten of findings and questions ranked together: by risk, a
               finding before a question of the same risk. A question stands at its place for the rules that its
               answer would settle, with their STRIDE and ids; its risk is what the answer would settle. No more than
               the first ten findings and the first twelve questions take part.
noise          findings for each element and flow
false alarms   the share of `should_not_fire` ids that a finding of the highest level, critical, carries
attack         whether the attack that happened is among the five easiest attack paths: every primary expectation lies
               at the target of one of them or at what it takes over (the ranks of those paths follow). Only for
               cases whose model shows somebody who could attack; benchmarks/incidents/attacks.py has the definition
fix            whether what closed it, the difference between the model and its mended twin, is in the smallest cut or
               among the first three suggested controls. Only for cases that have a twin
Totals are over all expectations, places and ids, not means of the cases. A case that cannot be read is a row with its
error and the exit code is 1; the figures are those of the others.

--blind drops what is said to be absent, so that what was not said to be there is unknown. --renamed gives every
element, flow and boundary a neutral id and no name. --merge-adversaries makes one external entity, in the least
trusted of their boundaries, of the elements that are drawn only because of the attack; flows among them fall away.
"""

from __future__ import annotations

from benchmarks.incidents.attacks import Attack, attack
from benchmarks.incidents.reading import BadCase, Case, folder, library, read_case
from benchmarks.incidents.report import main, measure
from benchmarks.incidents.scoring import Score, accepted, matches, score, total
from benchmarks.incidents.variants import blind, changed, merged, renamed

__all__ = [
    "Attack", "BadCase", "Case", "Score", "accepted", "attack", "blind", "changed", "folder", "library", "main",
    "matches", "measure", "merged", "read_case", "renamed", "score", "total",
]  # fmt: skip
