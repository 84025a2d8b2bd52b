"""The embedded store's index of words: which it finds for an asked one, what it keeps to, that it holds nobody up."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from kgstore import Entity
from kgstore.records import entity_table
from kgstore.search import GOOD_ENOUGH, closeness, word_closeness
from kgstore.search_index import SearchIndex
from kgstore.store import ENTITY_COLUMNS
from kgstore.vocabulary import COMPARED, Vocabulary

LETTERS = "abcdeé犬9"


def invented_words(count: int, seed: int = 0) -> list[str]:
    generator = random.Random(seed)
    return sorted({"".join(generator.choices(LETTERS, k=generator.randint(1, 7))) for _ in range(count)})


def columns(entities: list[Entity]) -> Iterator[pa.RecordBatch]:
    return iter(entity_table(entities).select(ENTITY_COLUMNS.names).to_batches())


def test_words_that_hold_a_part_are_those_that_python_finds() -> None:
    words = invented_words(300)
    vocabulary = Vocabulary(words, [1] * len(words))
    for part in (*LETTERS, *words[::7], "ab", "zz", "é犬"):
        assert [words[k] for k, _ in vocabulary.holding(part, 1000)] == [word for word in words if part in word]
        begun = [words[k] for k, _ in vocabulary.holding(part, 1000, at_start=True)]
        assert begun == [word for word in words if word.startswith(part)]


def test_of_many_words_the_frequent_ones_are_kept_and_the_asked_one_itself() -> None:
    vocabulary = Vocabulary(["dog", "dogma", "dogs", "bulldog"], [1, 2, 9, 5])
    assert {vocabulary.words[k] for k, _ in vocabulary.holding("dog", 2)} == {"dog", "dogs"}


def test_words_meant_by_a_mistyped_one_are_the_closest_of_all() -> None:
    words = invented_words(COMPARED - 20)
    vocabulary = Vocabulary(words, [1] * len(words))
    for asked in invented_words(30, seed=1):
        scores = sorted((word_closeness(asked, word) for word in words), reverse=True)[:5]
        assert [score for _, score in vocabulary.alike(asked, 5)] == [score for score in scores if score > 0]
    assert Vocabulary([], []).alike("dog", 5) == []


@pytest.fixture(scope="module")
def captions() -> list[Entity]:
    generator = random.Random(3)
    things = ["elephant", "giraffe", "bicycle", "umbrella", "lighthouse", "violin", "teapot", "squirrel"]
    places = ["river", "mountain", "kitchen", "garden", "station", "harbour", "desert", "meadow"]
    return [
        Entity(
            f"c:{number}",
            ("caption", "image")[number % 2],
            f"{generator.choice(things)} {number}",
            (f"a {generator.choice(things)} beside a {generator.choice(things)} in the {generator.choice(places)}",),
            sources=("first", "second")[: 1 + number % 2],
        )
        for number in range(400)
    ]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    index = SearchIndex(tmp_path / "graph.search")
    yield index
    index.close()


def test_hits_are_as_close_as_reading_every_text_finds(index: SearchIndex, captions: list[Entity]) -> None:
    for asked in ("violin", "viol", "elefant rivr", "squirel beside a bicicle in the gardn"):
        hits = index.search(asked, revision="1", columns=lambda: columns(captions), limit=5)
        best = sorted((closeness(asked, entity.name, entity.texts) for entity in captions), reverse=True)[:5]
        good = [score for score in best if score >= GOOD_ENOUGH]
        assert [score for _, score in hits] == pytest.approx(good, abs=0.06), asked


def test_kinds_and_sources_are_kept_to_also_together(index: SearchIndex, captions: list[Entity]) -> None:
    def found(**kept: list[str]) -> set[str]:
        return {
            id for id, _ in index.search("violin", revision="1", columns=lambda: columns(captions), limit=999, **kept)
        }

    known = {entity.id: entity for entity in captions}
    everything = found()
    assert found(kinds=["image"]) == {id for id in everything if known[id].kind == "image"}
    assert found(sources=["second"]) == {id for id in everything if "second" in known[id].sources}
    assert (
        found(kinds=["caption"], sources=["second"]) == found(kinds=["nothing"]) == found(sources=["nobody"]) == set()
    )


def test_a_file_that_is_no_index_or_of_another_graph_is_made_anew(tmp_path: Path, captions: list[Entity]) -> None:
    path = tmp_path / "graph.search"
    path.write_bytes(b"no database" * 1000)
    for revision in ("1", "1", "2"):
        index = SearchIndex(path)
        taken = captions[: 100 * int(revision)]
        hits = index.search("beside", revision=revision, columns=partial(columns, taken), limit=999)
        assert len(hits) == len(taken)
        index.close()


def test_an_index_that_could_not_be_made_is_made_by_the_next_search(index: SearchIndex, captions: list[Entity]) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from columns(captions[:10])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        index.search("violin", revision="1", columns=broken)
    assert index.search("violin", revision="1", columns=lambda: columns(captions))


def test_a_search_waits_for_an_index_in_the_making(index: SearchIndex, captions: list[Entity]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[pa.RecordBatch]:
        begun.set()
        go_on.wait(30)
        yield from columns(captions)

    hits: list[list[tuple[str, float]]] = []
    threads = [
        threading.Thread(target=lambda: hits.append(index.search("violin", revision="1", columns=slow)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    begun.wait(30)
    assert hits == []
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(hits) == 3
    assert all(hits)
