"""What a write means, in values: both stores read what is there, ask here, and store the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from kgstore.errors import BadRecord, UnknownEntity
from kgstore.values import Entity, Relation, Triple, TripleKey, relation_text

Record = TypeVar("Record", Entity, Triple)
Typed = TypeVar("Typed", Triple, TripleKey)


@dataclass(frozen=True)
class Change(Generic[Record]):
    """Records to add, and records to put in the place of what is there under the same id or key."""

    new: list[Record]
    changed: list[Record]


def by_id(entities: Iterable[Entity]) -> dict[str, Entity]:
    """Each entity once, in order of first mention; records of one id are merged."""
    distinct: dict[str, Entity] = {}
    for entity in entities:
        known = distinct.get(entity.id)
        distinct[entity.id] = entity if known is None else known.merged(entity)
    return distinct


def by_key(triples: Iterable[Triple]) -> dict[TripleKey, Triple]:
    """Each triple once, in order of first mention; records of one key are merged."""
    distinct: dict[TripleKey, Triple] = {}
    for triple in triples:
        known = distinct.get(triple.key)
        distinct[triple.key] = triple if known is None else known.merged(triple)
    return distinct


def by_type(triples: Iterable[Typed]) -> dict[str, list[Typed]]:
    """The triples of each type, or their keys, for what is written type by type."""
    groups: dict[str, list[Typed]] = {}
    for triple in triples:
        groups.setdefault(triple.type, []).append(triple)
    return groups


def catalogue(relations: Sequence[Relation], types: Iterable[str]) -> dict[str, str]:
    """What a write calls its relation types: the first text given of each, and a plain one for `types` without."""
    texts = {relation.type: relation.text for relation in reversed(relations)}
    for type_ in types:
        texts.setdefault(type_, relation_text(type_))
    return texts


def entity_change(there: Mapping[str, Entity], records: Iterable[Entity]) -> Change[Entity]:
    """What a write of `records` does to the entities that are `there`."""
    change: Change[Entity] = Change([], [])
    for entity in records:
        known = there.get(entity.id)
        if known is None:
            change.new.append(entity)
        elif (merged := known.merged(entity)) != known:
            change.changed.append(merged)
    return change


def triple_change(there: Mapping[TripleKey, Triple], records: Iterable[Triple]) -> Change[Triple]:
    """What a write of `records` does to the triples that are `there`."""
    change: Change[Triple] = Change([], [])
    for triple in records:
        known = there.get(triple.key)
        if known is None:
            change.new.append(triple)
        elif (merged := known.merged(triple)) != known:
            change.changed.append(merged)
    return change


def proposal_change(there: Mapping[TripleKey, Triple], predictions: Iterable[Triple]) -> Change[Triple]:
    """What a proposal does: assertions and decisions stay, a waiting prediction takes score, run and time."""
    change: Change[Triple] = Change([], [])
    for prediction in predictions:
        known = there.get(prediction.key)
        if known is None:
            change.new.append(prediction)
        elif known.origin == "predicted" and not known.decision:
            renewed = replace(known, score=prediction.score, run=prediction.run, when=prediction.when)
            if renewed != known:
                change.changed.append(renewed)
    return change


def as_proposals(predictions: Iterable[Triple]) -> list[Triple]:
    """The predictions as they wait for review: undecided, with the time of now where none is given."""
    proposals = []
    for triple in predictions:
        if triple.origin != "predicted":
            raise BadRecord(f"{triple.key} is {triple.origin}; only predicted triples can be proposed.")
        proposals.append(replace(triple, decision="", when=triple.when or now()))
    return proposals


def now() -> str:
    """The time in the form of Triple.when."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refuse_missing(ids: Sequence[str]) -> None:
    """Raises UnknownEntity, naming the first of the ids, if there are any."""
    if ids:
        more = ", ..." if len(ids) > 3 else ""
        raise UnknownEntity(
            f"Relations name entities that are not in the graph: {', '.join(ids[:3])}{more}. "
            "Nothing was written; write the entities first or together."
        )


def by_count(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Counts by name, most frequent first."""
    return dict(sorted(((name, count) for name, count in counts), key=lambda entry: (-entry[1], entry[0])))
