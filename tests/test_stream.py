"""The stream's batches show what the graph says, in order, and its threads end whatever happens."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from kgstore import Entity, Source, Triple, open_store
from kgstore.current import projection_for
from kgstore.errors import BadImage, BadProjection
from kgstore.images import ImageRoots
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.augment import augmented
from model.batch import Batch, Neighbourhood, TripleSample
from model.picture_cache import cached_pictures
from model.pictures import pixels_of
from model.sampler import Sampler
from model.stream import Stream
from model.tokens import Tokenizer, text_tokens
from model.views import Views
from tests.sampling_graph import BROKEN, random_graph

SIDE, CONTEXT = 8, 12


class Data(NamedTuple):
    projection: Projection
    roots: ImageRoots
    cache: Path
    tokenizer: Tokenizer

    def views(self, picture_share: float = 0.5, *, live: bool = False, augment: float = 0.0) -> Views:
        return Views(
            self.projection,
            self.tokenizer,
            side=SIDE,
            context=CONTEXT,
            cache=self.cache,
            roots=self.roots,
            picture_share=picture_share,
            live=live,
            augment=augment,
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("stream")
    (folder / "pictures").mkdir()
    with open_store(folder / "graph") as store:
        random_graph().load(store, folder / "pictures")
        projection = project(store, load_recipe("all"), folder / "projection")
    return Data(projection, ImageRoots(projection.image_roots), folder, Tokenizer.of())


def sampler(data: Data) -> Sampler:
    return Sampler(data.projection, batch_size=24, shares={"IMAGE_OF": 0.5}, fanout=(3, 2), seed=1)


def entities_of(drawn: TripleSample) -> np.ndarray:
    """The global numbers of a batch's entities, in the order of their local ones."""
    return np.unique(np.concatenate([drawn.head, drawn.tail, drawn.neighbourhood.head, drawn.neighbourhood.tail]))


def equal(first: Batch, second: Batch) -> bool:
    ours, theirs = first.tensors(), second.tensors()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_batch_shows_each_entity_by_one_of_its_pictures_or_texts(data: Data) -> None:
    projection, views = data.projection, data.views()
    drawn = sampler(data).sample(3)
    batch = views.batch(drawn)
    entities = entities_of(drawn)
    assert len(batch.is_picture) == len(entities) == len(batch.pixels) + len(batch.tokens)
    for local, number in enumerate(entities.tolist()):
        row = int(batch.row[local])
        if batch.is_picture[local]:
            shown = [pixels_of(data.roots, each, SIDE) for each in projection.images(number) if each != BROKEN]
            assert any(np.array_equal(batch.pixels[row].numpy(), pixels) for pixels in shown)
        else:
            texts = projection.texts(number) or (projection.name(number),)
            tokens, lengths = data.tokenizer.encode(texts, CONTEXT)
            said = [tokens[i, : lengths[i]].tolist() for i in range(len(texts))]
            assert batch.tokens[row, : batch.lengths[row]].tolist() in said
            assert not batch.tokens[row, batch.lengths[row] :].any()
    assert (entities[batch.head] == drawn.head).all()
    assert (entities[batch.edge_tail] == drawn.neighbourhood.tail).all()


def test_a_batch_encodes_each_relation_once(data: Data) -> None:
    drawn = sampler(data).sample(0)
    batch = data.views().batch(drawn)
    assert (batch.relation_class[batch.relation].numpy() == drawn.relation).all()
    assert batch.relation_class.tolist() == np.unique(drawn.relation).tolist()  # of the triples; edges need no words
    words = [data.projection.relations[number].text for number in batch.relation_class.tolist()]
    tokens, lengths = data.tokenizer.encode(words, CONTEXT)
    assert batch.relation_tokens.tolist() == tokens.tolist()
    assert batch.relation_lengths.tolist() == lengths.tolist()


def test_a_batch_knows_its_false_negatives_and_its_pairs(data: Data) -> None:
    projection = data.projection
    held = set(zip(projection.head.tolist(), projection.relation.tolist(), projection.tail.tolist(), strict=True))
    for step in range(5):
        drawn = sampler(data).sample(step)
        batch = data.views().batch(drawn)
        b = len(drawn.head)
        for i in range(b):
            for j in range(b):
                assert bool(batch.known[i, j]) == ((drawn.head[j], drawn.relation[j], drawn.tail[i]) in held)
        assert bool(batch.known.diagonal().all())
        pairs = batch.pairs.tolist()
        assert len({int(batch.head[i]) for i in pairs}) == len(pairs)
        may_pair = {
            int(batch.head[i])
            for i in range(b)
            if projection.relations[drawn.relation[i]].type == "IMAGE_OF"
            and batch.is_picture[batch.head[i]]
            and not batch.is_picture[batch.tail[i]]
        }
        assert {int(batch.head[i]) for i in pairs} == may_pair


def test_captions_of_one_fact_are_no_negatives_of_each_other(data: Data) -> None:
    drawn = sampler(data).sample(0)
    fact = np.full(len(drawn.head), -1)
    fact[[1, 4, 7]] = 5
    plain = data.views().batch(replace(drawn, fact=None)).known
    known = data.views().batch(replace(drawn, fact=fact)).known
    assert known[1, 4]
    assert known[7, 1]
    same = np.equal.outer(fact, fact) & (fact >= 0)
    assert torch.equal(known, plain | torch.from_numpy(same))


def test_what_is_held_out_is_not_known(data: Data, tmp_path: Path) -> None:
    with open_store(data.cache / "graph") as store:
        recipe = load_recipe("all", {"splits": ["train", "valid", "test"]})
        projection = project(store, recipe, tmp_path / "projection")
    held_out = np.flatnonzero(np.asarray(projection.split) != 0)[:8]
    head, relation, tail = (
        np.asarray(array[held_out], np.int64) for array in (projection.head, projection.relation, projection.tail)
    )
    views = data._replace(projection=projection).views()
    nothing = np.zeros(0, np.int64)
    batch = views.batch(TripleSample(0, head, relation, tail, Neighbourhood(nothing, nothing, nothing)))
    assert projection.contains(head, relation, tail).all()
    assert not batch.known.diagonal().any()


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.3, 0.2, 0.4), (1.0, 1, 1)])
def test_the_picture_share_decides_between_pictures_and_texts(
    data: Data, share: float, least: float, most: float
) -> None:
    views = data.views(picture_share=share)
    has_both = np.array(
        [
            bool(data.projection.texts(number)) and bool(set(data.projection.images(number)) - {BROKEN})
            for number in range(data.projection.entity_count)
        ]
    )
    shown = []
    for step in range(40):
        drawn = sampler(data).sample(step)
        shown.append(views.batch(drawn).is_picture.numpy()[has_both[entities_of(drawn)]])
    assert least <= np.concatenate(shown).mean() <= most


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_the_stream_gives_what_the_sampler_and_views_give_from_any_step(data: Data, workers: int) -> None:
    views = data.views(augment=0.5)
    expected = [augmented(views.batch(sampler(data).sample(step))) for step in range(12)]
    with Stream(sampler(data), views, workers=workers) as stream:
        given = list(islice(stream, 12))
    with Stream(sampler(data), data.views(live=True, augment=0.5), start_step=5, workers=workers) as stream:
        resumed = list(islice(stream, 7))
    assert [step for step, _ in given] == list(range(12))
    assert [step for step, _ in resumed] == list(range(5, 12))
    for (step, (batch,)), wanted in zip([*given, *resumed], [*expected, *expected[5:]], strict=True):
        assert equal(batch, wanted), step


def test_no_more_batches_are_made_ahead_than_may_wait(data: Data) -> None:
    begun: list[int] = []

    class Watched(Sampler):
        def sample(self, step: int) -> TripleSample:
            begun.append(step)
            return super().sample(step)

    with Stream(Watched(data.projection, batch_size=8), data.views(), workers=4, prefetch=6) as stream:
        next(stream)
        until = time.monotonic() + 30
        while len(begun) < 7 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
        assert sorted(begun) == list(range(7))


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_closing_leaves_no_thread_and_no_process(data: Data, workers: int) -> None:
    before = set(threading.enumerate())
    stream = Stream(sampler(data), data.views(), workers=workers, prefetch=2)
    next(stream)
    assert len(set(threading.enumerate()) - before) == workers
    stream.close()
    stream.close()
    assert set(threading.enumerate()) - before == set()
    assert multiprocessing.active_children() == []
    assert list(stream) == []
    assert stream.waited > 0


def test_closing_ends_a_loop_that_waits(data: Data) -> None:
    let_go = threading.Event()

    class Slow(Sampler):
        def sample(self, step: int) -> TripleSample:
            let_go.wait()
            return super().sample(step)

    stream = Stream(Slow(data.projection, batch_size=8), data.views())
    given: list[int] = []
    loop = threading.Thread(target=lambda: given.extend(step for step, _ in stream))
    loop.start()
    threading.Timer(0.1, let_go.set).start()
    stream.close()
    loop.join()
    assert given in ([], [0])


class Failing(Sampler):
    """Draws three batches and then meets trouble, as a sampler over a lost disk would."""

    error: BaseException = OSError("the disk is gone")

    def sample(self, step: int) -> TripleSample:
        if step == 3:
            raise self.error
        return super().sample(step)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_an_exception_in_a_worker_reaches_the_loop_with_its_cause(data: Data, workers: int) -> None:
    before = set(threading.enumerate())
    stream = Stream(Failing(data.projection, batch_size=8), data.views(), workers=workers)
    assert [step for step, _ in islice(stream, 3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="step 3") as caught:
        next(stream)
    assert isinstance(caught.value.__cause__, OSError)
    assert set(threading.enumerate()) - before == set()
    assert list(stream) == []


def test_an_error_of_ours_reaches_the_loop_as_it_is(data: Data) -> None:
    failing = Failing(data.projection, batch_size=8)
    failing.error = BadProjection("Project again.")
    with pytest.raises(BadProjection, match=r"Project again\."):
        list(Stream(failing, data.views()))


def test_an_interruption_while_the_loop_makes_a_batch_stays_one(data: Data) -> None:
    failing = Failing(data.projection, batch_size=8)
    failing.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        list(Stream(failing, data.views(), workers=0))


def test_a_broken_picture_is_counted_and_its_entity_shown_by_something_else(
    data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    views = data.views(picture_share=1.0)
    assert f"cannot be opened and are left out. Picture {BROKEN!r} cannot be decoded" in capsys.readouterr().err
    assert list(views.pictures.failed) == [BROKEN]
    assert "cannot be decoded" in views.pictures.failed[BROKEN]
    number = data.projection.numbers(["s:é7"])
    assert BROKEN in data.projection.images(int(number[0]))
    drawn = sampler(data).sample(0)
    for step in range(10):
        views.batch(TripleSample(step, number, drawn.relation[:1], number, drawn.neighbourhood))
    has_neither = [
        not data.projection.texts(number) and not set(data.projection.images(number)) - {BROKEN}
        for number in range(data.projection.entity_count)
    ]
    assert views.by_name == sum(has_neither) > 0


def test_a_broken_picture_makes_room_for_another_description_of_its_entity(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (9, 9), (7, 7, 7)).save(tmp_path / "pictures" / "good.png")
    broken = ("s/gone.png", "s/none.png")
    shown = {
        "s:1-another-picture": Entity("s:1-another-picture", images=(broken[0], "s/good.png", broken[1])),
        "s:2-a-text": Entity("s:2-a-text", images=broken, texts=("said",), name="named"),
        "s:3-a-blank-text": Entity("s:3-a-blank-text", images=broken, texts=("", " \n"), name="named"),
        "s:4-no-name": Entity("s:4-no-name", images=broken),
    }
    with open_store(tmp_path / "graph") as store:
        triples = [Triple(id_, "NEXT", "s:1-another-picture") for id_ in list(shown)[1:]]
        store.write(list(shown.values()), triples, source=Source("s", image_root=str(tmp_path / "pictures")))
        projection = project(store, load_recipe("all"), tmp_path / "projection")
    tokenizer = Tokenizer.of()
    place = ImageRoots({"s": tmp_path / "pictures"})
    nothing = np.empty(0, np.int64)
    everyone = TripleSample(0, np.arange(4), np.zeros(4, np.int64), np.arange(4), Neighbourhood(*[nothing] * 3))
    for live in (True, False):
        views = Views(
            projection, tokenizer, side=SIDE, context=CONTEXT, cache=tmp_path, roots=place, live=live, picture_share=1.0
        )
        for step in range(8):
            batch = views.batch(replace(everyone, step=step))
            assert batch.is_picture.tolist() == [True, False, False, False]
            assert (batch.pixels == 7).all()
            words, _ = tokenizer.encode(["said", "named", "4-no-name"], CONTEXT)
            assert batch.tokens.tolist() == words.tolist()
        assert sorted(views.pictures.failed) == sorted(broken)


def test_entities_that_nothing_shows_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entities = [Entity("s:1", texts=("said",)), Entity("s:2", name="named"), Entity("s: ", name=""), Entity("s:4")]
    with open_store(tmp_path / "graph") as store:
        store.write(entities, [Triple(each.id, "NEXT", "s:1") for each in entities[1:]])
        projection = project(store, load_recipe("all"), tmp_path / "projection")
    views = Views(projection, Tokenizer.of(), side=SIDE, context=CONTEXT, cache=tmp_path)
    assert (views.by_name, views.by_nothing) == (3, 1)
    told = capsys.readouterr().err
    assert "3 entities have no picture and no text: their names show them." in told
    assert "1 of these have no name that holds a word" in told


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_on_a_gpu_are_those_of_the_cpu(data: Data) -> None:
    with (
        Stream(sampler(data), data.views(), workers=2, device="cuda") as there,
        Stream(sampler(data), data.views()) as here,
    ):
        for (_, (moved,)), (_, (batch,)) in zip(islice(there, 20), here, strict=False):
            assert moved.head.is_cuda
            assert equal(moved.to("cpu"), batch)


def test_pictures_and_tokens_are_made_once(data: Data) -> None:
    data.views()
    cached = sorted((path, path.stat().st_mtime_ns) for path in data.cache.glob("pictures-*/*"))
    tokens = sorted((path, path.stat().st_mtime_ns) for path in data.projection.directory.glob("tokens-*/*"))
    assert cached
    assert tokens
    data.views()
    assert sorted((path, path.stat().st_mtime_ns) for path in data.cache.glob("pictures-*/*")) == cached
    assert sorted((path, path.stat().st_mtime_ns) for path in data.projection.directory.glob("tokens-*/*")) == tokens
    assert not list(data.cache.glob("*.part-*"))


def test_a_picture_folder_that_is_gone_is_one_sentence(data: Data, tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"None of the .* pictures can be opened.*--images s=DIR"):
        cached_pictures(data.projection, ImageRoots({"s": tmp_path}), SIDE, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [0, 150])
@pytest.mark.parametrize("name", ["tokens-*/tokens.npy", "sums-*/sums.npy", "../pictures-*/pixels.npy"])
def test_files_beside_a_projection_that_were_cut_short_are_one_sentence(tmp_path: Path, name: str, length: int) -> None:
    (tmp_path / "pictures").mkdir()
    with open_store(tmp_path / "graph") as store:
        random_graph(40, 200).load(store, tmp_path / "pictures")
        projection = project(store, load_recipe("all"), tmp_path / "projection")

    def opened() -> None:
        Views(projection, Tokenizer.of(), side=SIDE, context=CONTEXT, cache=tmp_path)
        Sampler(projection, batch_size=4, by_weight=True)

    opened()
    [file] = projection.directory.glob(name)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(BadProjection, match=rf"{file.name} is incomplete .*; remove .*{file.parent.name}, and"):
        opened()
    shutil.rmtree(file.parent)
    opened()


def test_texts_of_a_projection_have_the_tokens_that_the_tokenizer_gives(data: Data) -> None:
    held = text_tokens(data.projection, data.tokenizer, CONTEXT)
    for number in range(data.projection.entity_count):
        texts = data.projection.texts(number) or (data.projection.name(number),)
        tokens, lengths = held.padded(np.arange(held.owner[number], held.owner[number + 1]))
        expected, expected_lengths = data.tokenizer.encode(texts, CONTEXT)
        assert tokens.tolist() == expected.tolist()
        assert lengths.tolist() == expected_lengths.tolist()


def test_tokens_of_a_projection_that_grew_are_those_of_one_made_anew(tmp_path: Path) -> None:
    def entities(first: int, last: int) -> list[Entity]:
        return [Entity(f"s:{i:03}", name=f"number {i}", texts=("", f"text {i}")[: i % 3]) for i in range(first, last)]

    tokenizer, recipe = Tokenizer.of(), load_recipe("all")
    with open_store(tmp_path / "graph") as store:
        store.write(entities(10, 90), [Triple(f"s:{i:03}", "NEXT", "s:010") for i in range(11, 90)])
        before = projection_for(store, recipe, tmp_path / "runs")
        first = text_tokens(before, tokenizer, CONTEXT)
        store.write(entities(0, 10), [Triple(f"s:{i:03}", "NEXT", "s:010") for i in range(10)])
        grown = projection_for(store, recipe, tmp_path / "runs")
    assert list(grown.directory.glob("earlier-tokens-*"))
    tokens = text_tokens(grown, tokenizer, CONTEXT)
    assert tokens.flat[: len(first.flat)].tolist() == first.flat.tolist()
    for number in range(grown.entity_count):
        said = tuple(text for text in grown.texts(number) if text) or (grown.name(number),)
        found, lengths = tokens.padded(np.arange(tokens.owner[number], tokens.owner[number + 1]))
        expected, expected_lengths = tokenizer.encode(said, CONTEXT)
        assert found.tolist() == expected.tolist()
        assert lengths.tolist() == expected_lengths.tolist()


def test_a_decision_costs_no_new_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, recipe = Tokenizer.of(), load_recipe("all")
    entities = [Entity(f"s:{i}", name=f"number {i}", texts=(f"text {i}",)) for i in range(9)]
    with open_store(tmp_path / "graph") as store:
        store.write(entities, [Triple("s:0", "NEXT", f"s:{i}") for i in range(1, 9)])
        store.propose([Triple("s:1", "NEXT", "s:2", origin="predicted", score=0.5, run="r")])
        before = projection_for(store, recipe, tmp_path / "runs")
        first = text_tokens(before, tokenizer, CONTEXT)
        [proposed] = store.predictions()
        store.decide(proposed.key, "accepted")
        after = projection_for(store, recipe, tmp_path / "runs")
    assert after.edge_count == before.edge_count + 1

    def encoded_again(*_: object) -> None:
        raise AssertionError("texts were encoded that had been before")

    monkeypatch.setattr(tokenizer, "ragged", encoded_again)
    tokens = text_tokens(after, tokenizer, CONTEXT)
    for name in ("flat", "offsets", "owner", "described"):
        assert getattr(tokens, name).tobytes() == getattr(first, name).tobytes()
