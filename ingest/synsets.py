"""What WordNet's files tell, whichever form they have: descriptions, relations and senses of synsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.records import Skipped
from kgstore.values import Relation

#: `n02084071`: the part of speech and the offset in WordNet 3.0.
WNID = re.compile(r"[nvar]\d{8}\Z")

#: What stands between synsets. A part points to its whole, a whole to its substance: as in ConceptNet.
RELATIONS = (
    Relation("IS_A", "is a"),
    Relation("INSTANCE_OF", "instance of"),
    Relation("PART_OF", "part of"),
    Relation("MEMBER_OF", "member of"),
    Relation("MADE_OF", "made of"),
    Relation("SIMILAR_TO", "similar to"),
    Relation("ANTONYM", "opposite of"),
    Relation("ALSO_SEE", "see also"),
    Relation("HAS_ATTRIBUTE", "has the attribute"),
    Relation("ENTAILS", "entails"),
    Relation("CAUSES", "causes"),
    Relation("DERIVATIONALLY_RELATED", "derivationally related to"),
    Relation("PERTAINS_TO", "pertains to"),
    Relation("PARTICIPLE_OF", "participle of"),
    Relation("SAME_VERB_GROUP", "in the same group of verbs as"),
    Relation("HAS_TOPIC", "belongs to the topic"),
    Relation("HAS_REGION", "used in the region"),
    Relation("HAS_USAGE", "used as"),
    # Of a verb: what is called after its part in it.
    Relation("HAS_AGENT", "has the agent"),
    Relation("HAS_UNDERGOER", "has the undergoer"),
    Relation("HAS_EVENT", "has the event"),
    Relation("HAS_RESULT", "has the result"),
    Relation("HAS_INSTRUMENT", "has the instrument"),
    Relation("HAS_LOCATION", "has the location"),
    Relation("HAS_DESTINATION", "has the destination"),
    Relation("HAS_MATERIAL", "has the material"),
    Relation("HAS_VEHICLE", "has the vehicle"),
    Relation("HAS_BODY_PART", "has the body part"),
    Relation("HAS_STATE", "has the state"),
    Relation("HAS_PROPERTY", "has the property"),
)

#: What leads from a synset to a more general one.
UPWARDS = ("IS_A", "INSTANCE_OF")


class Described(NamedTuple):
    """Words for a synset, in the order of the source."""

    id: str
    lemmas: tuple[str, ...] = ()
    glosses: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


class Related(NamedTuple):
    """A relation of two synsets."""

    head: str
    type: str
    tail: str


class Sense(NamedTuple):
    """That a synset is the sense of a word with this number, from 1; `speech` is n, v, a or r."""

    lemma: str
    speech: str
    number: int
    synset: str


Part = Described | Related | Sense | Skipped


@dataclass
class Synset:
    """What all files together tell about a synset; the keys of the dicts count, in their order."""

    lemmas: dict[str, None] = field(default_factory=dict)
    glosses: dict[str, None] = field(default_factory=dict)
    examples: dict[str, None] = field(default_factory=dict)


@dataclass
class Lexicon:
    """All synsets by entity id, and what stands between them. All of WordNet takes a few hundred megabytes."""

    synsets: dict[str, Synset] = field(default_factory=dict)
    relations: dict[Related, None] = field(default_factory=dict)
    senses: dict[Sense, None] = field(default_factory=dict)

    def gather(self, parts: Iterable[Part]) -> Iterator[Skipped]:
        """Takes everything in; what cannot be used comes out."""
        for part in parts:
            match part:
                case Skipped():
                    yield part
                case Related(head, type_, tail) if head == tail:
                    yield Skipped("relations of a synset to itself", f"{head} {type_} {tail}")
                case Related():
                    self.relations[part] = None
                case Sense():
                    self.senses[part] = None
                case Described():
                    synset = self.synsets.setdefault(part.id, Synset())
                    synset.lemmas.update(dict.fromkeys(part.lemmas))
                    synset.glosses.update(dict.fromkeys(part.glosses))
                    synset.examples.update(dict.fromkeys(part.examples))

    def above(self, ids: Iterable[str]) -> set[str]:
        """These synsets and all that are more general."""
        parents: dict[str, list[str]] = {}
        for relation in self.relations:
            if relation.type in UPWARDS:
                parents.setdefault(relation.head, []).append(relation.tail)
        found: set[str] = set()
        ahead = list(ids)
        while ahead:
            id = ahead.pop()
            if id not in found:
                found.add(id)
                ahead += parents.get(id, [])
        return found


def synset_id(wnid: str) -> str:
    return f"wn:{wnid}"


def word_id(lemma: str, speech: str) -> str:
    """The entity of a word: `wn:word/golden_retriever.n`. Satellite adjectives (s) are adjectives (a)."""
    return f"wn:word/{lemma.replace(' ', '_')}.{'a' if speech == 's' else speech}"


def one_line(text: str) -> str:
    return " ".join(text.split())
