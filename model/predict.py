"""What a trained run says about a graph: tails of (head, relation), pictures for words, what is similar; and proposals.

    python -m model.predict --run RUN --store URI --head ID --relation TYPE [--top 10] [--write]
    python -m model.predict --run RUN --store URI --relation TYPE --all-heads 200 --top 1 --write

Scores are cosines: of Y(h,r,-) with Y(-,-,t) over all entities of the graph for tails; of pooled tower outputs, or of
Y(picture,"image of",-) with Y(-,-,text), for pictures.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
import torch
from jaxtyping import Bool, Float, Int64
from PIL import Image

from kgstore import GraphStore, Triple, open_store
from kgstore.command import WrongCall, add_images_option, add_store_option, run_command
from kgstore.current import current_projection
from kgstore.errors import BadImage, KgError, UnknownEntity
from kgstore.images import ImageRoots
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from kgstore.values import COMMON_TYPE, KINDS, SPLITS, Relation
from model.checkpoint import load_run
from model.device import usable_device
from model.embed import Encoder, embed, embeddings_for
from model.embeddings import Space, unit
from model.ranking import top as best
from model.track import Run

#: Relations of one entity and type that are looked at when known facts are told from new ones.
MANY = 100_000

#: Heads whose questions are asked of the model at once.
HEADS_AT_ONCE = 512


class UnknownRelation(KgError):
    """A relation that the graph does not have."""


class Answer(NamedTuple):
    """An entity and its score; `known` says that the graph holds this already, `picture` which of its pictures fits."""

    id: str
    score: float
    known: bool = False
    picture: str = ""


class RelationAnswer(NamedTuple):
    """A relation and how probable it is between two entities, among all relations the run was trained on."""

    type: str
    text: str
    probability: float


class Predictor:
    """A run's answers about a graph.

    Made from a store it projects all splits of the graph once, and asks the store what is known by now. Embeddings of
    all entities are computed the first time and kept in the run folder; entities that came later are not candidates.
    With `only` the entities of these numbers, ascending, are embedded and are candidates, and nothing is kept.
    It may be used by several threads.
    """

    def __init__(
        self,
        run: str | Path,
        graph: GraphStore | Projection,
        *,
        checkpoint: str = "best",
        device: str = "cpu",
        images: Sequence[str] = (),
        only: Sequence[int] | None = None,
        progress: bool = True,
    ) -> None:
        self.run = Path(run)
        self.trained = load_run(self.run, device=device, checkpoint=checkpoint)
        self.store = None if isinstance(graph, Projection) else graph
        self.projection = graph if isinstance(graph, Projection) else everything(graph, self.run.parent, progress)
        roots = ImageRoots(self.projection.image_roots).replaced(images)
        region = Run(run).config.get("region", "crop")
        self.encoder = Encoder(self.trained, roots, region, self.projection)
        if only is None:
            self.embeddings = embeddings_for(self.run, self.encoder, self.projection, progress=progress)
        else:
            self.embeddings = embed(self.encoder, self.projection, only, progress=progress)

    @property
    def fused(self) -> bool:
        """Whether the run can be asked by relations; one of CLIP alone has only its towers."""
        return self.trained.model.fused

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations one can ask by: those of the graph."""
        return self.projection.relations

    def tails(
        self,
        head: str | Image.Image,
        relation: str,
        top: int = 10,
        kinds: Collection[str] = (),
        sources: Collection[str] = (),
    ) -> list[Answer]:
        """What stands in `relation` (a type, or its words) to an entity or a picture, best first.

        [D] Candidates are the entities of the kinds that this relation leads to in the graph, if `kinds` names no
        others (held-out tails of a drawn world: MRR 0.51 instead of 0.40 over all entities). Raises NoFusion,
        UnknownEntity, UnknownRelation, and BadImage when nothing of the head can be shown to the model.
        """
        self.encoder.require_fusion()
        number = self.relation_number(relation)
        if isinstance(head, str):
            entity = self.projection.numbers([head])
            question = self.encoder.questions(self.projection, entity, np.array([number]))
            if not question.any():
                raise BadImage(
                    f"{head} has no text, and none of its pictures can be opened, so the model cannot be asked about "
                    "it. Say where the pictures are: --images SOURCE=DIR, or KG_IMAGES."
                )
        else:
            entity = np.zeros(0, np.int64)
            words = self.encoder.relations([self.relations[number].text])
            question = self.encoder.asked(self.encoder.picture(head).elements, words)
        candidates = self._candidates(kinds or self._tail_kinds(number), sources)
        candidates[entity] = False
        scores = np.where(candidates, self.embeddings.scores(question, "fused")[0], -np.inf)
        known = self._known_tails(head, self.relations[number]) if isinstance(head, str) else set()
        return [answer._replace(known=answer.id in known) for answer in self._answers(scores, top)]

    def relations_between(self, head: str, tail: str, top: int = 5) -> list[RelationAnswer]:
        """The most probable relations from `head` to `tail`. Raises NoFusion, UnknownEntity."""
        self.encoder.require_fusion()
        ends = self.encoder.firsts(self.projection, self.projection.numbers([head, tail]).tolist())
        with torch.inference_mode():
            first, second = (ends.elements.take(torch.tensor([k], device=self.encoder.device)) for k in (0, 1))
            chances = self.trained.model.relation_logits(first, second)[0].float().softmax(-1).cpu().numpy()
        texts = {
            name: text for each in self.relations for name, text in ((each.type, each.text), (each.text, each.text))
        }
        names = self.trained.model.relations
        return [RelationAnswer(names[k], texts.get(names[k], names[k]), float(chances[k])) for k in best(chances, top)]

    def search_pictures(
        self,
        text: str,
        top: int = 12,
        fused: bool = True,
        kinds: Collection[str] = (),
        sources: Collection[str] = (),
    ) -> list[Answer]:
        """Entities with the pictures that fit the words best, by the fusion or by the towers alone.

        Raises NoFusion for `fused` with a run of CLIP alone.
        """
        encoding = self.encoder.texts([text])
        query = self.encoder.alone(encoding) if fused else unit(encoding.pooled.float().cpu().numpy())
        space: Space = "asked" if fused else "pooled"
        scores = self.embeddings.scores(query, space, ("picture",))[0]
        answers = self._answers(np.where(self._candidates(kinds or KINDS, sources), scores, -np.inf), top)
        numbers = self.projection.numbers([answer.id for answer in answers]).tolist()
        places = [self.embeddings.pictures.best_place(query[0], space, number) for number in numbers]
        return [
            answer._replace(picture=self.projection.images(number)[place])
            for answer, number, place in zip(answers, numbers, places, strict=True)
        ]

    def similar(
        self, to: str | Image.Image, top: int = 10, kinds: Collection[str] = (), sources: Collection[str] = ()
    ) -> list[Answer]:
        """Entities whose pictures or texts are like those of an entity, or like a picture, by the towers."""
        if isinstance(to, str):
            entity = self.projection.numbers([to])
            queries = self._pooled_rows(int(entity[0]))
        else:
            entity = np.zeros(0, np.int64)
            queries = unit(self.encoder.picture(to).pooled.float().cpu().numpy())
        if not len(queries):
            return []
        candidates = self._candidates(kinds or KINDS, sources)
        candidates[entity] = False
        scores = self.embeddings.scores(queries, "pooled").max(axis=0)
        return self._answers(np.where(candidates, scores, -np.inf), top)

    def propose(
        self, heads: Sequence[str], relation: str, top: int = 1, min_score: float = -1.0, kinds: Collection[str] = ()
    ) -> list[Triple]:
        """The best `top` tails of each head that the graph neither holds nor has decided on, as predicted triples.

        What waits for review already comes again, with its new score. A head that cannot be shown to the model gets no
        proposal and is told on stderr. Raises NoFusion, UnknownEntity, UnknownRelation.
        """
        number = self.relation_number(relation)
        chosen = self.relations[number]
        candidates = self._of_kinds(kinds or self._tail_kinds(number))
        when = datetime.now(UTC).isoformat(timespec="seconds")
        triples = []
        unseen: list[str] = []
        for start in range(0, len(heads), HEADS_AT_ONCE):
            part = heads[start : start + HEADS_AT_ONCE]
            numbers = self.projection.numbers(part)
            questions = self.encoder.questions(self.projection, numbers, np.full(len(part), number))
            shown: Bool[np.ndarray, " b"] = np.abs(questions).sum(axis=1) > 0
            unseen += [head for head, seen in zip(part, shown, strict=True) if not seen]
            part = [head for head, seen in zip(part, shown, strict=True) if seen]
            rows = self.embeddings.scores(questions[shown], "fused")
            for head, own, row in zip(part, numbers[shown], rows, strict=True):
                settled = self._known_tails(head, chosen, rejected=True)
                scores = np.where(candidates & (row >= min_score), row, -np.inf)
                scores[own] = -np.inf
                fresh = [answer for answer in self._answers(scores, top + len(settled)) if answer.id not in settled]
                triples += [
                    Triple(
                        head,
                        chosen.type,
                        answer.id,
                        words=chosen.text if chosen.type == COMMON_TYPE else "",
                        origin="predicted",
                        score=answer.score,
                        run=self.run.name,
                        when=when,
                    )
                    for answer in fresh[:top]
                ]
        if unseen:
            print(
                f"{len(unseen)} entities have no text and no picture that can be opened, so nothing was proposed for "
                f"them; the first: {unseen[0]}. Say where the pictures are: --images SOURCE=DIR.",
                file=sys.stderr,
            )
        return triples

    def heads(self, relation: str, count: int, seed: int = 0) -> list[str]:
        """Some entities of the kinds that are heads of a relation in the graph, those without an answer yet first."""
        number = self.relation_number(relation)
        asked = np.asarray(self.projection.relation) == number
        answered = np.zeros(self.projection.entity_count, bool)
        answered[self.projection.head[asked]] = True
        candidates = np.flatnonzero(np.isin(self.projection.kinds, np.unique(self.projection.kinds[answered])))
        candidates = np.random.default_rng(seed).permutation(candidates)
        order = np.argsort(answered[candidates], kind="stable")
        return self.projection.entity_ids(candidates[order][:count])

    def holds(self, id_: str) -> bool:
        """Whether an entity was in the graph when it was projected."""
        try:
            self.projection.numbers([id_])
        except UnknownEntity:
            return False
        return True

    def relation_number(self, relation: str) -> int:
        """By its type or by its words. Raises UnknownRelation."""
        for name in ("type", "text"):
            for number, each in enumerate(self.relations):
                if getattr(each, name) == relation:
                    return number
        names = sorted({each.type for each in self.relations})
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise UnknownRelation(f"The graph has no relation {relation!r}; it has {shown}.")

    def _of_kinds(self, kinds: Collection[str]) -> Bool[np.ndarray, " n"]:
        for kind in kinds:
            if kind not in KINDS:
                raise WrongCall(f"There is no kind {kind!r} of entity; there are {', '.join(KINDS)}.")
        return np.isin(self.projection.kinds, [KINDS.index(kind) for kind in kinds])

    def _candidates(self, kinds: Collection[str], sources: Collection[str]) -> Bool[np.ndarray, " n"]:
        """Entities of these kinds, and of these sources if any are given."""
        chosen = self._of_kinds(kinds)
        return chosen & self._of_sources(sources) if sources else chosen

    def _of_sources(self, sources: Collection[str]) -> Bool[np.ndarray, " n"]:
        chosen: Bool[np.ndarray, " n"] = np.zeros(self.projection.entity_count, bool)
        for source in sources:
            chosen[self._sources.get(source, np.zeros(0, np.int64))] = True
        return chosen

    @cached_property
    def _sources(self) -> dict[str, Int64[np.ndarray, " k"]]:
        """Entities by source. A projection does not say who told of them, so the graph is asked, once."""
        if self.store is None:
            raise WrongCall("Answers can be kept to a source only where the graph is at hand; give --store.")
        numbers: dict[str, list[Int64[np.ndarray, " k"]]] = defaultdict(list)
        for batch in self.store.entity_columns():
            own = self.projection.known_numbers(batch.column("id").to_pylist())
            lists = batch.column("sources")
            entity = own[pc.list_parent_indices(lists).to_numpy()]
            names = pc.list_flatten(lists)
            for source in pc.unique(names).to_pylist():
                told = entity[pc.equal(names, source).to_numpy(zero_copy_only=False)]
                numbers[source].append(told[told >= 0])
        return {source: np.concatenate(parts) for source, parts in numbers.items()}

    def _tail_kinds(self, relation: int) -> list[str]:
        tails = self.projection.tail[np.asarray(self.projection.relation) == relation]
        return [KINDS[kind] for kind in np.unique(self.projection.kinds[tails])]

    def _known_tails(self, head: str, relation: Relation, rejected: bool = False) -> set[str]:
        """Tails that are asserted or accepted, and with `rejected` those that were turned down too."""
        if self.store is not None:
            facts = self.store.neighbours(head, direction="out", types=[relation.type], limit=MANY, rejected=rejected)
            words = relation.text if relation.type == COMMON_TYPE else ""
            settled = (fact for fact in facts if fact.words == words and (fact.origin == "asserted" or fact.decision))
            return {fact.tail for fact in settled}
        number = self.relation_number(relation.name)
        own = int(self.projection.numbers([head])[0])
        start, end = self.projection.out_offsets[own], self.projection.out_offsets[own + 1]
        edges = self.projection.out_edges[start:end]
        tails = self.projection.tail[edges[self.projection.relation[edges] == number]]
        return set(self.projection.entity_ids(tails.astype(np.int64)))

    def _pooled_rows(self, entity: int) -> Float[np.ndarray, "k d"]:
        rows = []
        for each in (self.embeddings.pictures, self.embeddings.texts):
            start, end = np.searchsorted(each.owner, [entity, entity + 1])
            if end > start:
                rows.append(np.asarray(each.pooled[start:end]))
        return np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)

    def _answers(self, scores: Float[np.ndarray, " n"], top: int) -> list[Answer]:
        numbers = best(scores, top)
        ids = self.projection.entity_ids(numbers)
        return [Answer(id_, float(scores[number])) for id_, number in zip(ids, numbers, strict=True)]


def everything(store: GraphStore, runs: Path, progress: bool = True) -> Projection:
    """All entities and all facts of a graph, of every split: one projection below the runs, brought up to date."""
    directory = runs / "projections" / "everything"
    recipe = load_recipe("all", {"splits": list(SPLITS)})
    return current_projection(store, recipe, directory, all_entities=True, progress=progress)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    run, device = Run(args.run), usable_device(args.device)
    with open_store(args.store) as store:
        predictor = Predictor(run.directory, store, checkpoint=args.checkpoint, device=device, images=args.images)
        if args.head:
            for answer in predictor.tails(args.head, args.relation, args.top, args.kind):
                name = predictor.projection.name(int(predictor.projection.numbers([answer.id])[0]))
                print(f"{answer.score:7.4f}  {'known' if answer.known else 'new  '}  {answer.id}\t{name}")
        heads = [args.head] if args.head else predictor.heads(args.relation, args.all_heads, args.seed)
        if args.write or not args.head:
            new = predictor.propose(heads, args.relation, args.top, args.min_score, args.kind)
            new = sorted(new, key=lambda triple: -(triple.score or 0.0))[: args.most or None]
            if not args.head:
                for triple in new:
                    print(f"{triple.score:7.4f}  {triple.head}\t{triple.type}\t{triple.tail}")
            if args.write:
                written = store.propose(new)
                print(
                    f"{written.new_triples} predicted relations are new in the graph and wait for review, "
                    f"{written.changed_triples} waited there already and have a new score.",
                    file=sys.stderr,
                )
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.predict", description="Rank tails for (head, relation).")
    parser.add_argument("--run", required=True, metavar="RUN", help="folder of a trained run")
    add_store_option(parser)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--head", metavar="ID", help="the entity that is asked about")
    asked.add_argument(
        "--all-heads",
        type=int,
        metavar="N",
        help="ask about N entities of the kinds that have this relation in the graph",
    )
    parser.add_argument("--relation", required=True, metavar="TYPE", help="type of the relation, or its words")
    parser.add_argument("--top", type=int, default=10, metavar="K", help="answers for each head (default: 10)")
    parser.add_argument("--kind", action="append", default=[], choices=KINDS, help="kinds of answers; repeatable")
    parser.add_argument("--min-score", type=float, default=-1.0, metavar="S", help="lowest score of a proposal")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="keep only the N best proposals of all heads")
    parser.add_argument("--write", action="store_true", help="put the new ones into the graph, to be reviewed")
    parser.add_argument("--seed", type=int, default=0, help="which entities --all-heads picks (default: 0)")
    parser.add_argument("--checkpoint", default="best", help="best, last or step-N (default: best)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    add_images_option(parser)
    args = parser.parse_args(arguments)
    if args.top < 1 or (args.all_heads is not None and args.all_heads < 1):
        raise WrongCall("--top and --all-heads must be 1 or more.")
    if args.most < 0 or args.seed < 0:
        raise WrongCall("--most and --seed must be 0 or more.")
    return args


if __name__ == "__main__":
    sys.exit(run_command(main))
