"""Pictures, texts and questions through a trained model; all entities of a graph, once, into the run folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from kgstore.errors import BadImage, KgError
from kgstore.images import ImageRoots, Region
from kgstore.projection import Projection
from kgstore.values import relation_text
from model.checkpoint import TrainedModel
from model.embeddings import Embeddings, Rows, unit
from model.entity_vectors import rows_of
from model.fusion import Elements
from model.knowledge_clip import Encoding, KnowledgeClip, mixed
from model.pictures import as_pixels, pixels_of

#: The relation by which a picture is asked for its caption.
IMAGE_OF = "IMAGE_OF"

#: Texts and pictures of an entity that are embedded, the first ones [D]: a synset may have a thousand pictures.
DESCRIPTIONS = 4

BATCH = 256


#: Y(x,r,-) or Y(-,r,x) of entities and relations, of unit length.
Ask = Callable[[Elements, Float[Tensor, "n d"]], Float32[np.ndarray, "n f"]]


class NoFusion(KgError):
    """A question that needs the fusion, asked of a run that trained the towers alone."""


class Description(NamedTuple):
    """One text, or one picture reference, of an entity; `place` is its index in the entity's texts or images."""

    owner: int
    place: int
    content: str


class Descriptions(NamedTuple):
    """What some entities are described by, each modality in the order of the entities."""

    pictures: list[Description]
    texts: list[Description]


def descriptions(projection: Projection, numbers: Sequence[int], limit: int = DESCRIPTIONS) -> Descriptions:
    """The first `limit` pictures and the first `limit` texts of each entity; its name where it has neither."""
    pictures, texts = [], []
    for number in numbers:
        seen = projection.images(number)[:limit]
        said = projection.texts(number)[:limit]
        if not (seen or said):
            said = (projection.name(number),)
        pictures += [Description(number, place, content) for place, content in enumerate(seen)]
        texts += [Description(number, place, content) for place, content in enumerate(said)]
    return Descriptions(pictures, texts)


class Encoder:
    """A trained model that is asked and not trained. Pictures that cannot be opened are left out and counted.

    `region` is how the run was shown regions of pictures. `projection` is the graph whose entities are asked about;
    what is no entity, such as a text that somebody types, has no vector of its own.
    """

    def __init__(
        self, trained: TrainedModel, roots: ImageRoots, region: Region = "crop", projection: Projection | None = None
    ) -> None:
        self.trained, self.roots, self.region = trained, roots, region
        self._vectors = rows_of(trained.entities, projection) if trained.entities and projection else None
        self.model: KnowledgeClip = trained.model.eval()
        self.device = next(self.model.parameters()).device
        self.skipped: Counter[str] = Counter()

    @property
    def side(self) -> int:
        """Side of the pictures in pixels."""
        return self.model.towers.image_size

    def require_fusion(self) -> None:
        """Raises NoFusion for a run of CLIP alone."""
        if not self.model.fused:
            raise NoFusion(
                f"Run {self.trained.name} trained a CLIP alone, which cannot be asked by a relation; "
                "train one with --objective knowledge-clip."
            )

    def texts(self, texts: Sequence[str], owners: Sequence[int] = ()) -> Encoding:
        """Each is of the entity of this number, if any are said."""
        return self._owned(self._texts(texts), owners)

    def picture(self, picture: Image.Image) -> Encoding:
        return self.pictures([as_pixels(picture.convert("RGB"), self.side)])

    def pictures(self, pictures: Sequence[UInt8[np.ndarray, "3 s s"]], owners: Sequence[int] = ()) -> Encoding:
        """Likewise."""
        return self._owned(self._pictures(pictures), owners)

    @torch.inference_mode()
    def _texts(self, texts: Sequence[str]) -> Encoding:
        tokens, lengths = self._tokens(texts)
        if self.model.fused:
            return self.model.encode_texts(tokens, lengths)
        return _without_elements(self.model.towers.text(tokens, lengths).pooled)

    @torch.inference_mode()
    def _pictures(self, pictures: Sequence[UInt8[np.ndarray, "3 s s"]]) -> Encoding:
        pixels = torch.from_numpy(np.stack(pictures)).to(self.device)
        if self.model.fused:
            return self.model.encode_pictures(pixels)
        return _without_elements(self.model.towers.image(pixels).pooled)

    @torch.inference_mode()
    def _owned(self, encoding: Encoding, owners: Sequence[int]) -> Encoding:
        """With the entities' vectors, where the model has any."""
        rows = np.zeros(len(encoding.pooled), np.int64)
        if self._vectors is not None and len(owners):
            rows = self._vectors[np.asarray(owners, np.int64)]
        return self.model.with_vectors(encoding, torch.from_numpy(rows).to(self.device))

    @torch.inference_mode()
    def relations(self, words: Sequence[str]) -> Float[Tensor, "r d"]:
        self.require_fusion()
        return self.model.encode_relations(*self._tokens(words))

    def batches(
        self, wanted: Sequence[Description], *, pictures: bool, progress: tqdm[NoReturn] | None = None
    ) -> Iterator[tuple[list[int], Encoding]]:
        """Places in `wanted`, and what they encode to; places of broken pictures do not come."""
        for start in range(0, len(wanted), BATCH):
            places = list(range(start, min(start + BATCH, len(wanted))))
            if progress is not None:
                progress.update(len(places))
            if not pictures:
                texts = [wanted[place].content for place in places]
                yield places, self.texts(texts, [wanted[place].owner for place in places])
                continue
            opened = {place: self._opened(wanted[place].content) for place in places}
            pixels = {place: picture for place, picture in opened.items() if picture is not None}
            if pixels:
                yield list(pixels), self.pictures(list(pixels.values()), [wanted[place].owner for place in pixels])

    def firsts(self, projection: Projection, numbers: Sequence[int]) -> Encoding:
        """One encoding for each entity, by its first text, else by its first picture. Raises BadImage."""
        texts, pictures, rows = [""], [np.zeros((3, self.side, self.side), np.uint8)], []
        for number in numbers:
            said = projection.texts(number)
            seen = () if said else projection.images(number)
            if seen:
                rows.append((True, len(pictures)))
                pictures.append(pixels_of(self.roots, seen[0], self.side, self.region))
            else:
                rows.append((False, len(texts)))
                texts.append(said[0] if said else projection.name(number))
        places = [row if is_picture else row + len(pictures) for is_picture, row in rows]
        shown = mixed(self._pictures(pictures), self._texts(texts), torch.tensor(places, device=self.device))
        return self._owned(shown, numbers)

    @torch.inference_mode()
    def alone(self, encoding: Encoding) -> Float32[np.ndarray, "n f"]:
        """Y(-,-,x), of unit length."""
        self.require_fusion()
        return unit(self.model.represent(tail=encoding.elements).float().cpu().numpy())

    @torch.inference_mode()
    def asked(self, elements: Elements, relations: Float[Tensor, "n d"]) -> Float32[np.ndarray, "n f"]:
        """Y(x,r,-), of unit length."""
        self.require_fusion()
        return unit(self.model.represent(head=elements, relation=relations).float().cpu().numpy())

    @torch.inference_mode()
    def asked_for_head(self, elements: Elements, relations: Float[Tensor, "n d"]) -> Float32[np.ndarray, "n f"]:
        """Y(-,r,x), of unit length."""
        self.require_fusion()
        return unit(self.model.represent_backwards(relations, elements).float().cpu().numpy())

    def questions(
        self,
        projection: Projection,
        heads: Int64[np.ndarray, " b"],
        relations: Int64[np.ndarray, " b"],
        ask: Ask | None = None,
    ) -> Float32[np.ndarray, "b f"]:
        """Y(h,r,-) for entity and relation numbers: the mean over the head's descriptions, of unit length [D].

        `ask` is `asked`, or `asked_for_head` for Y(-,r,t) of what then are tails.

        The row of a head that has nothing but pictures that cannot be opened is zero.
        """
        words = self.relations([relation.text for relation in projection.relations])
        asking = defaultdict(list)
        for row, head in enumerate(heads.tolist()):
            asking[head].append(row)
        described = descriptions(projection, list(asking))
        total = np.zeros((len(heads), self.model.config.fusion_width), np.float32)
        for pictures, wanted in ((True, described.pictures), (False, described.texts)):
            for places, encoding in self.batches(wanted, pictures=pictures):
                pairs = [(i, row) for i, place in enumerate(places) for row in asking[wanted[place].owner]]
                for start in range(0, len(pairs), BATCH):
                    local, rows = (np.array(column) for column in zip(*pairs[start : start + BATCH], strict=True))
                    elements = encoding.elements.take(torch.from_numpy(local).to(self.device))
                    told = words[torch.from_numpy(relations[rows]).long().to(self.device)]
                    np.add.at(total, rows, (ask or self.asked)(elements, told))
        return unit(total)

    def _tokens(self, texts: Sequence[str]) -> tuple[Int64[Tensor, "q l"], Int64[Tensor, " q"]]:
        tokens, lengths = self.trained.tokenizer.encode(texts, self.model.towers.context)
        return torch.from_numpy(tokens).to(self.device), torch.from_numpy(lengths).to(self.device)

    def _opened(self, reference: str) -> UInt8[np.ndarray, "3 s s"] | None:
        try:
            return pixels_of(self.roots, reference, self.side, self.region)
        except BadImage as error:
            self.skipped[str(error)] += 1
            return None


def embed(
    encoder: Encoder, projection: Projection, numbers: Sequence[int] | None = None, *, progress: bool = True
) -> Embeddings:
    """All entities of a projection, or those of these numbers, ascending; the others then are no candidates."""
    described = descriptions(projection, range(projection.entity_count) if numbers is None else numbers)
    total = len(described.pictures) + len(described.texts)
    with tqdm(total=total, desc="embedding entities", unit=" descriptions", disable=not progress) as bar:
        pictures = _rows(encoder, described.pictures, bar, pictures=True, ask=_image_of(projection))
        texts = _rows(encoder, described.texts, bar, pictures=False)
    if encoder.skipped:
        first = next(iter(encoder.skipped))
        print(f"{encoder.skipped.total()} pictures were left out; the first: {first}", file=sys.stderr)
    return Embeddings(projection.entity_count, pictures, texts)


def embeddings_for(run: Path, encoder: Encoder, projection: Projection, *, progress: bool = True) -> Embeddings:
    """The embeddings of a checkpoint and a graph's entities, from the run folder if they were computed before.

    They depend on entities, and on where the pictures are, and not on triples: a decision about a prediction leaves
    them as they are. A run that was trained anew under its old name is told from the old one by its checkpoint's time.
    """
    parameters = (run / "checkpoints" / encoder.trained.checkpoint / "model.safetensors").stat()
    folders = sorted((source, str(folder.resolve())) for source, folder in encoder.roots.folders.items())
    trained = hashlib.sha256(f"{parameters.st_size} {parameters.st_mtime_ns} {folders}".encode()).hexdigest()[:8]
    name = f"{encoder.trained.checkpoint}-{trained}-{entities_fingerprint(projection)}"
    directory = run / "embeddings" / name
    if not directory.is_dir():
        aside = directory.with_name(f"{directory.name}.part-{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            embed(encoder, projection, progress=progress).save(aside)
            if not directory.is_dir():  # somebody else may have been faster
                aside.rename(directory)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return Embeddings.open(directory, projection.entity_count)


def entities_fingerprint(projection: Projection) -> str:
    """A short word for the entities and what describes them, in their order."""
    with (projection.directory / "entities.arrow").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _rows(encoder: Encoder, wanted: list[Description], bar: tqdm[NoReturn], *, pictures: bool, ask: str = "") -> Rows:
    """Rows of one modality; `ask` is the relation in words that fills `asked`, if any."""
    kept: list[int] = []
    parts = defaultdict(list)
    relation = encoder.relations([ask]) if ask and encoder.model.fused else None
    for places, encoding in encoder.batches(wanted, pictures=pictures, progress=bar):
        kept += places
        parts["pooled"].append(unit(encoding.pooled.float().cpu().numpy()))
        if encoder.model.fused:
            parts["fused"].append(encoder.alone(encoding))
        if relation is not None:
            parts["asked"].append(encoder.asked(encoding.elements, relation.expand(len(places), -1)))
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    owner = np.array([wanted[place].owner for place in kept], np.int64)
    place = np.array([wanted[place].place for place in kept], np.int64)
    return Rows(owner, place, **(columns or {"pooled": np.zeros((0, 1), np.float32)}))


def _image_of(projection: Projection) -> str:
    return next((r.text for r in projection.relations if r.type == IMAGE_OF), relation_text(IMAGE_OF))


def _without_elements(pooled: Float[Tensor, "n d"]) -> Encoding:
    nothing = pooled.new_zeros(len(pooled), 0, 1)
    return Encoding(Elements(nothing, nothing[..., 0].bool()), pooled)
