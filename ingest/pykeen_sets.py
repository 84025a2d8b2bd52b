"""Data sets of PyKEEN by name: Nations, Kinships, UMLS, WN18RR, FB15k-237, CoDEx, YAGO3-10, Wikidata5M and others.

Source: PyKEEN (Ali et al. 2021), which names the authors of each. Licence: that of the data set.
To get it: `pip install pykeen`; --dataset fetches one at its first use into ~/.data/pykeen (PYKEEN_HOME). Nations,
Kinships and UMLS come with the package.

Entities   concept `NAME:` (or what --ids says) and its label; words as in `python -m ingest triples`, by --names,
           --lemmas, --texts, --relation-texts
Relations  their labels as types, in the split that PyKEEN has them in: its triples are those that it would train and
           test on, facts of an entity with itself too, but no held-out ones whose ends or relation training lacks
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ingest.facts import NO_TEXTS, Fact, Naming, Texts, fact_records
from ingest.records import BadSource, DataSet, Record, data_source
from ingest.texts_beside import add_text_options, texts_beside
from kgstore.values import SPLITS

if TYPE_CHECKING:
    from pykeen.datasets import Dataset
    from pykeen.triples import TriplesFactory

HELP = "data sets of PyKEEN by name, such as nations or wn18rr, when that package is installed"

#: Triples that become Python's numbers at a time.
ROWS = 100_000

_SPLITS = {"training": "train", "validation": "valid", "testing": "test"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, metavar="NAME", help="PyKEEN's name of it, such as nations")
    parser.add_argument("--source", metavar="NAME", help="what to call it in the graph (the data set's name)")
    parser.add_argument("--ids", default="", metavar="PREFIX", help="what ids begin with, if not the source's name")
    add_text_options(parser)
    parser.add_argument("--split", choices=SPLITS, help="give all triples this split, whatever PyKEEN says")


def from_options(options: argparse.Namespace) -> DataSet:
    texts, _ = texts_beside(options, Path())
    name = options.dataset.lower().replace("-", "").replace("_", "")
    return read_pykeen(_data_set(name), options.source or name, options.ids, texts, options.split)


def read_pykeen(
    data_set: Dataset, source: str, ids: str = "", texts: Texts = NO_TEXTS, split: str | None = None
) -> DataSet:
    """The records of a data set that PyKEEN has opened."""
    naming = Naming(source, ids or source)
    content = [
        (
            part,
            list(each.entity_to_id),
            list(each.relation_to_id),
            sha256(each.mapped_triples.numpy().tobytes()).digest(),
        )
        for part, each in _parts(data_set).items()
    ]
    told = data_source(source, Path(), (naming, texts, split, content))
    # What PyKEEN has by name lies at no path of ours, wherever the caller is.
    told = replace(told, path=f"PyKEEN [{told.path.rpartition('[')[2]}")
    count = sum(each.num_triples for each in _parts(data_set).values())
    return DataSet(told, partial(_records, data_set, naming, texts, split), total=count, loops=True)


def _records(data_set: Dataset, naming: Naming, texts: Texts, split: str | None) -> Iterator[Record]:
    yield from fact_records(_facts(data_set, split), naming, texts)


def _facts(data_set: Dataset, split: str | None) -> Iterator[Fact]:
    for part, factory in _parts(data_set).items():
        entities = {number: str(label) for label, number in factory.entity_to_id.items()}
        relations = {number: str(label) for label, number in factory.relation_to_id.items()}
        starts = range(0, factory.num_triples, ROWS)
        rows = (row for start in starts for row in factory.mapped_triples[start : start + ROWS].tolist())
        for row, (head, relation, tail) in enumerate(rows, 1):
            where = f"{part}, triple {row}"
            yield Fact(entities[head], relations[relation], entities[tail], 1.0, split or _SPLITS[part], where)


def _parts(data_set: Dataset) -> dict[str, TriplesFactory]:
    """The triples of each split, with the names of what they number."""
    for part, factory in data_set.factory_dict.items():
        if not hasattr(factory, "entity_to_id"):
            raise BadSource(f"The {part} triples of this data set are numbers without names; load another.")
    return cast("dict[str, TriplesFactory]", data_set.factory_dict)


def _data_set(name: str) -> Dataset:
    try:
        # It brings torch and takes seconds, and is not needed for anything else here.
        from pykeen.datasets import dataset_resolver, get_dataset
    except ImportError as error:
        raise BadSource(f"PyKEEN is not installed ({error}): `pip install pykeen` brings it.") from error
    known = sorted(dataset_resolver.lookup_dict)
    if name not in known:
        raise BadSource(f"PyKEEN has no data set {name!r}; --dataset is one of {', '.join(known)}.")
    try:
        return get_dataset(dataset=name)
    except (OSError, ImportError) as error:
        raise BadSource(f"PyKEEN cannot fetch {name} ({error}): is there a network, and what it needs?") from error
