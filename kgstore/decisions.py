"""What a decision does to predictions: compare-and-set, so that of two reviewers who saw the same, one decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kgstore.errors import DecidedMeanwhile, UnknownTriple
from kgstore.values import Decision, Triple, TripleKey

#: For each prediction as what its reviewer saw it; None where whatever stands there may be decided anew.
Asked = Mapping[TripleKey, Triple | None]


@dataclass(frozen=True)
class Decided:
    """What became of a decision about some predictions.

    `done` stand as they were to, of which `changed` by this very write; `taken` were decided by somebody else since
    they were seen, and stay so; `gone` are no predictions any more.
    """

    done: list[Triple] = field(default_factory=list)
    changed: list[Triple] = field(default_factory=list)
    taken: list[Triple] = field(default_factory=list)
    gone: list[TripleKey] = field(default_factory=list)

    def only(self, key: TripleKey) -> Triple:
        """Of a decision about one prediction, how it stands. Raises DecidedMeanwhile, UnknownTriple."""
        if self.gone:
            raise unknown_prediction(key)
        if self.taken:
            raise DecidedMeanwhile(taken_sentence(self.taken[0]))
        return self.done[0]


def decide_each(there: Mapping[TripleKey, Triple], asked: Asked, decision: Decision, who: str, when: str) -> Decided:
    """What a decision of `who` at the time `when` does to the triples that are `there`.

    What stands as this very decision would leave it counts as done by it: a transaction may be tried again.
    """
    decided = Decided()
    for key, seen in asked.items():
        known = there.get(key)
        if known is None or known.origin != "predicted":
            decided.gone.append(key)
            continue
        result = replace(known, decision=decision, who=who if decision else "", when=when)
        if known == result or (known.decision == decision and (seen is None or _stands(known, seen))):
            decided.done.append(known)
        elif seen is None or _stands(known, seen):
            decided.done.append(result)
            decided.changed.append(result)
        else:
            decided.taken.append(known)
    return decided


def _stands(known: Triple, seen: Triple) -> bool:
    """Whether nobody decided since it was seen. What waits may have a new score and time by another proposal."""
    if not seen.decision:
        return not known.decision
    return (known.decision, known.who, known.when) == (seen.decision, seen.who, seen.when)


def taken_sentence(triple: Triple) -> str:
    """What a reviewer is told who was second."""
    by = triple.who or "Somebody else"
    if triple.decision:
        return f"{by} {triple.decision} this meanwhile, so your decision was not written. Undo theirs to decide anew."
    return "Somebody took the decision about this back meanwhile, so it waits for review again."


def unknown_prediction(key: TripleKey) -> UnknownTriple:
    words = f" {key.words!r}" if key.words else ""
    return UnknownTriple(
        f"The graph holds no prediction ({key.head})-[{key.type}{words}]->({key.tail}); it may have been asserted "
        "meanwhile. Look again."
    )
