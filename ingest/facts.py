"""From facts, in whatever form a source has them, to entities, relations and triples with their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.iris import RelationTypes, is_iri, words_of
from ingest.records import BadSource, Record, Skipped
from kgstore.values import COMMON_TYPE, Entity, Relation, Triple, relation_text

#: So many relation types are no relations any more but a column of something else.
MOST_TYPES = 2000
#: So many entities are remembered, a few hundred megabytes of them.
MOST_REMEMBERED = 2**20


class Fact(NamedTuple):
    """A fact as a source spells it; `where` says which record it is."""

    head: str
    relation: str
    tail: str
    weight: float
    split: str
    where: str


@dataclass(frozen=True)
class Texts:
    """Words for entities and relations, by what the source calls them; all lemmas of an entity are one value.

    With `one` an entity's words are one text, `flower, bloom: a plant cultivated for its blooms`, as language models
    are given entities (KG-BERT: Yao et al. 2019); else its name, each lemma and each text are texts of their own.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    lemmas: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    one: bool = False

    def of(self, key: str) -> tuple[str, ...]:
        """All words for an entity, its name first; lemmas stand between commas."""
        lemmas = [lemma.strip() for lemma in self.lemmas.get(key, "").split(",")]
        names = dict.fromkeys(filter(None, (self.names.get(key, ""), *lemmas)))
        texts = dict.fromkeys(filter(None, (self.texts.get(key, ""), *self.more.get(key, ()))))
        if self.one:
            return tuple(filter(None, [": ".join(filter(None, [", ".join(names), "; ".join(texts)]))]))
        return tuple(names | texts)

    def unused(self, entities: set[str]) -> Iterator[Skipped]:
        """The words of entities that are not among these."""
        for told, what in ((self.names, "names"), (self.lemmas, "lemmas"), (self.texts, "texts")):
            for key in told:
                if key not in entities:
                    yield Skipped(f"{what} of an entity that no row has", f"{key} {told[key]}")


NO_TEXTS = Texts()


@dataclass(frozen=True)
class Naming:
    """What the entities of a source become. Ids begin with `prefix`; with none the keys are ids already."""

    source: str
    prefix: str
    kind: str = "concept"

    def id(self, key: str) -> str:
        return f"{self.prefix}:{key}" if self.prefix else key


def fact_records(
    facts: Iterable[Fact | Skipped],
    naming: Naming,
    texts: Texts,
    types: RelationTypes | None = None,
    *,
    all_of_them: bool = True,
) -> Iterator[Record]:
    """Entities and relation types where they are new, and the triples.

    `types` are those of facts before these. If these are all facts, words of other entities are counted.
    """
    entities: set[str] = set()  # those that need not be given again; forgotten now and then, since twice does no harm
    described: set[str] = set()
    told: set[str] = set()
    types = types or RelationTypes()
    for fact in facts:
        if isinstance(fact, Skipped):
            yield fact
            continue
        if not naming.prefix and not all(end.partition(":")[2] for end in (fact.head, fact.tail)):
            yield Skipped("rows whose ends are not ids of the form source:key", fact.where)
            continue
        for key in (fact.head, fact.tail):
            if key not in entities:
                if len(entities) == MOST_REMEMBERED:
                    entities.clear()
                entities.add(key)
                if texts.of(key):
                    described.add(key)
                yield _entity(key, naming, texts)
        type_ = types.of(fact.relation)
        if type_ not in told:
            told.add(type_)
            if len(told) > MOST_TYPES:
                raise BadSource(
                    f"{fact.where} brings relation type number {len(told)}: does --relation name the right column?"
                )
            if type_ != COMMON_TYPE:
                yield Relation(type_, texts.relations.get(fact.relation) or relation_text(type_))
        yield Triple(
            naming.id(fact.head),
            type_,
            naming.id(fact.tail),
            words=fact.relation if type_ == COMMON_TYPE else "",
            weight=fact.weight,
            sources=(naming.source,),
            split=fact.split,
        )
    if all_of_them:
        yield from texts.unused(described)


def _entity(key: str, naming: Naming, texts: Texts) -> Entity:
    told = texts.of(key)
    plain = key if naming.prefix else key.partition(":")[2]
    spoken = words_of(plain)
    named = texts.names.get(key) or texts.lemmas.get(key, "").partition(",")[0].strip()
    shown = named or texts.texts.get(key, "").partition(",")[0] or (spoken if is_iri(plain) else plain)
    # A key in words is a text itself: a model must have something to read.
    described = told or ((spoken,) if naming.prefix else ())
    return Entity(naming.id(key), naming.kind, shown, described, sources=(naming.source,))
