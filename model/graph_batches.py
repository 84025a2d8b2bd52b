"""Batches as graphs of PyTorch Geometric, for models that are not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from kgstore.projection import Projection
from kgstore.values import KINDS
from model.batch import TripleSample
from model.geometric import Data, HeteroData


class Samples(Protocol):
    """What draws the sample of any step, in the numbers of its projection."""

    projection: Projection

    def sample(self, step: int) -> TripleSample: ...


class GraphBatches(IterableDataset[Data | HeteroData]):
    """The graphs of steps `start` to `stop` of a sampler, without end if there is no `stop`; `typed` ones are
    HeteroData.

    For a torch DataLoader with batch_size=None and any number of workers: the batches are the same and come in the
    same order. A worker maps the projection itself.
    """

    def __init__(self, sampler: Samples, stop: int | None = None, *, start: int = 0, typed: bool = False) -> None:
        self.sampler, self.start, self.stop, self.typed = sampler, start, stop, typed

    def __iter__(self) -> Iterator[Data | HeteroData]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.start + number
        while self.stop is None or step < self.stop:
            sample = self.sampler.sample(step)
            yield typed_graph_of(sample, self.sampler.projection) if self.typed else graph_of(sample)
            step += workers


def graph_of(sample: TripleSample) -> Data:
    """The entities of a batch, numbered from 0, with the edges around its tails.

    n_id              of each entity its number in the projection (projection.entity_ids tells its id)
    edge_index        heads and tails of the neighbourhood; messages run along them, to the tails
    edge_type         their relations, numbers of projection.relations
    edge_label_index  heads and tails of the triples to be learnt, none of which is among the edges
    edge_label_type   their relations
    """
    edges = sample.neighbourhood
    entities, places = np.unique(
        np.concatenate([sample.head, sample.tail, edges.head, edges.tail]), return_inverse=True
    )
    count, drawn = len(sample.head), len(edges.head)
    head, tail, edge_head, edge_tail = np.split(places, [count, 2 * count, 2 * count + drawn])
    return Data(
        num_nodes=len(entities),
        n_id=torch.from_numpy(entities),
        edge_index=torch.from_numpy(np.stack([edge_head, edge_tail])),
        edge_type=torch.from_numpy(edges.relation),
        edge_label_index=torch.from_numpy(np.stack([head, tail])),
        edge_label_type=torch.from_numpy(sample.relation),
        step=sample.step,
    )


def typed_graph_of(sample: TripleSample, projection: Projection) -> HeteroData:
    """The same with a node type for each kind of entity and an edge type for each (kind, relation type, kind).

    Node and edge types that the batch does not have are missing. `edge_label_index` stands at the edge types of the
    triples to be learnt. Relations of one type that differ in words fall together.
    """
    graph = graph_of(sample)
    kinds = projection.kinds[graph.n_id.numpy()]
    place = np.empty(len(kinds), np.int64)  # of each entity among those of its kind
    typed = HeteroData()
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)
        place[mine] = np.arange(len(mine))
        typed[KINDS[kind]].n_id = graph.n_id[mine]
        typed[KINDS[kind]].num_nodes = len(mine)
    types, number = np.unique([relation.type for relation in projection.relations], return_inverse=True)
    for name, ends, relation in (
        ("edge_index", graph.edge_index.numpy(), graph.edge_type.numpy()),
        ("edge_label_index", graph.edge_label_index.numpy(), graph.edge_label_type.numpy()),
    ):
        key = (kinds[ends[0]].astype(np.int64) * len(types) + number[relation]) * len(KINDS) + kinds[ends[1]]
        for one in np.unique(key):
            mine = np.flatnonzero(key == one)
            rest, tail = divmod(int(one), len(KINDS))
            head, type_ = divmod(rest, len(types))
            typed[KINDS[head], str(types[type_]), KINDS[tail]][name] = torch.from_numpy(place[ends[:, mine]])
    return typed
