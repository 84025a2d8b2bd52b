"""Joins: by synset names, senses, words, wnids and offsets; once, in any order of loads, and never by guessing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.__main__ import main
from ingest.link import Joined, link
from ingest.load import load
from ingest.visual_genome import read_visual_genome
from kgstore import open_store
from kgstore.command import WRONG_CALL, run_command
from kgstore.store import GraphStore
from kgstore.values import Entity, Relation, Triple

SLICE = Path(__file__).parent.parent.parent / "shared" / "data" / "visual-genome"

DOG, HOUND, CAT, SCAN = "wn:n02084071", "wn:n02087551", "wn:n02121620", "wn:n00901476"


def _synset(id: str, *lemmas: str, gloss: str = "") -> Entity:
    texts = tuple(text for text in (*lemmas, gloss) if text)
    return Entity(id, "concept", lemmas[0] if lemmas else "", texts, sources=("wordnet",))


def _senses(**numbers: tuple[str, int]) -> list[Entity | Triple]:
    """`dog_n=(DOG, 1)`: the synset is the first sense of the noun dog."""
    found: list[Entity | Triple] = []
    for key, (synset, number) in numbers.items():
        lemma, speech = key.rsplit("_", 1)
        found.append(Entity(f"wn:word/{lemma}.{speech}", "phrase", lemma, (lemma,), sources=("wordnet",)))
        found.append(Triple(f"wn:word/{lemma}.{speech}", "HAS_SENSE", synset, weight=1 / number, sources=("wordnet",)))
    return found


def _concept(id: str, name: str = "") -> Entity:
    return Entity(id, "concept", name, (name,) if name else (), sources=(id.partition(":")[0],))


def _write(store: GraphStore, records: Iterable[Entity | Triple]) -> None:
    records = list(records)
    store.write([r for r in records if isinstance(r, Entity)], [r for r in records if isinstance(r, Triple)])


def _same(store: GraphStore) -> set[tuple[str, str]]:
    cypher = "MATCH (h:Entity)-[r:SAME_AS]->(t:Entity) RETURN h.id AS head, t.id AS tail"
    if "SAME_AS" not in {relation.type for relation in store.relations()}:
        return set()
    return {(row["head"], row["tail"]) for batch in store.columns(cypher) for row in batch.to_pylist()}


def _by_rule(joined: list[Joined]) -> dict[str, tuple[int, int, int, int]]:
    """What each rule did, by the first word of its name, where it did anything."""
    found = {joins.rule: (joins.made, joins.new, len(joins.ambiguous), joins.alone) for joins in joined}
    return {rule: counts for rule, counts in found.items() if any(counts)}


def _ambiguous(joined: list[Joined]) -> dict[str, list[str]]:
    return {id: partners for joins in joined for id, partners in joins.ambiguous.items()}


def test_a_file_says_which_synset_a_name_means(store: GraphStore) -> None:
    _write(
        store, [_synset(DOG, "dog"), _synset(CAT, "cat"), _concept("vg:synset/dog.n.01"), _concept("vg:synset/x.n.01")]
    )
    joined, _ = link(store, [("dog.n.01", DOG[3:]), ("cat.n.01", CAT[3:]), ("x.n.01", "n99999999")])
    assert _same(store) == {("vg:synset/dog.n.01", DOG)}
    assert _by_rule(joined) == {
        "synset names, by the file given": (1, 1, 0, 0),
        "synset names, first of a word with one synset": (0, 0, 0, 1),
    }
    assert Relation("SAME_AS", "same as") in store.relations()


def test_the_number_of_a_sense_says_which_synset_a_name_means(store: GraphStore) -> None:
    """Small and capital words are numbered apart; the synset's first lemma tells which is meant."""
    _write(
        store,
        [
            _synset(DOG, "dog", "domestic dog"),
            _synset(HOUND, "hound", "dog"),
            _synset(CAT, "cat"),
            _synset(SCAN, "computerized tomography", "CAT"),
            *_senses(dog_n=(DOG, 1), Cat_n=(CAT, 1), CAT_n=(SCAN, 1), hound_n=(HOUND, 1)),
            Triple("wn:word/dog.n", "HAS_SENSE", HOUND, weight=1 / 3),
            *(_concept(f"vg:synset/{name}") for name in ("dog.n.01", "dog.n.03", "dog.n.02", "cat.n.01", "dog.v.01")),
        ],
    )
    joined, _ = link(store)
    assert _same(store) == {("vg:synset/dog.n.01", DOG), ("vg:synset/cat.n.01", CAT)}
    assert _by_rule(joined)["synset names, by number of the sense"] == (2, 2, 1, 0)
    assert _ambiguous(joined) == {"vg:synset/dog.n.03": [HOUND]}


def test_without_senses_the_first_of_a_word_with_one_synset_is_that(store: GraphStore) -> None:
    _write(
        store,
        [
            _synset(DOG, "Great Dane"),
            _synset(CAT, "cat"),
            _synset(SCAN, "cat"),
            _synset("wn:v00000001", "dane"),
            *(_concept(f"vg:synset/{name}.n.01") for name in ("great_dane", "cat", "dane")),
            _concept("vg:synset/great_dane.n.02"),
        ],
    )
    joined, _ = link(store)
    assert _same(store) == {("vg:synset/great_dane.n.01", DOG)}
    assert _by_rule(joined) == {"synset names, first of a word with one synset": (1, 1, 1, 2)}
    assert _ambiguous(joined) == {"vg:synset/cat.n.01": [SCAN, CAT]}


def test_words_of_conceptnet_with_one_synset_are_that(store: GraphStore) -> None:
    _write(
        store,
        [
            _synset(DOG, "dog", "Canis familiaris", gloss="a member of the genus Canis"),
            _synset(HOUND, "hound"),
            _synset("wn:v00000001", "dog"),
            *(
                _concept(f"cn:/c/{word}")
                for word in ("en/dog", "en/canis_familiaris", "de/hound", "en/hound/n", "en/x")
            ),
        ],
    )
    joined, _ = link(store)
    assert _same(store) == {("cn:/c/en/canis_familiaris", DOG)}
    assert _by_rule(joined) == {"ConceptNet's words with one synset": (1, 1, 1, 0)}


def test_main_senses_of_visualsem_are_joined_by_word_and_part_of_speech(store: GraphStore) -> None:
    def sensed(word: str, *nodes: str) -> list[Entity | Triple]:
        told = Entity(f"visualsem:word/{word}", "phrase", sources=("visualsem",))
        return [told, *(Triple(told.id, "HAS_SENSE", f"visualsem:{node}") for node in nodes)]

    _write(
        store,
        [
            _synset(DOG, "dog"),
            _synset("wn:v00000001", "dog"),
            _synset(HOUND, "hound"),
            *(_concept(f"visualsem:bn:{node}") for node in ("1n", "2n", "3n", "4n")),
            *sensed("dog.n", "bn:1n"),
            *sensed("hound.n", "bn:2n", "bn:3n"),
            *sensed("unknown.n", "bn:4n"),
        ],
    )
    joined, _ = link(store)
    assert _same(store) == {("visualsem:bn:1n", DOG)}
    assert _by_rule(joined) == {"VisualSem's main senses, of a word with one synset": (1, 1, 2, 0)}


def test_wnids_and_offsets_in_the_ids_of_other_sources_are_found(store: GraphStore) -> None:
    _write(
        store,
        [
            _synset(DOG, "dog", "domestic dog"),
            _synset("wn:v02084071", "bark"),
            _synset(CAT, "cat"),
            *(_concept(id) for id in ("wn9:n02084071", "set:class/n02121620", "wn9:n99999999", "other:xn02084071")),
            _concept("wn18rr:02084071", "Domestic dog"),
            _concept("wn18rr:02121620", "table"),
            _concept("nameless:02121620", "02121620"),
            _concept("nameless:02084071", "02084071"),
            _concept("phone:33312345", "somebody"),
            Entity("wn9:image/n02084071", "image"),
        ],
    )
    joined, _ = link(store)
    assert _same(store) == {
        ("wn9:n02084071", DOG),
        ("set:class/n02121620", CAT),
        ("wn18rr:02084071", DOG),
        ("nameless:02121620", CAT),
    }
    assert _by_rule(joined) == {
        "wnids in other ids": (2, 2, 0, 1),
        "WordNet's offsets as ids, with a lemma of the synset as name": (2, 2, 2, 0),
    }
    assert [*_ambiguous(joined)] == ["nameless:02084071", "wn18rr:02121620"]


def test_pictures_of_coco_are_joined_and_what_is_held_out_stays_so(tmp_path: Path, store: GraphStore) -> None:
    _write(
        store,
        [
            Entity("vg:image/1", "image"),
            Entity("vg:image/2", "image"),
            Entity("vg:image/3", "image"),
            Entity("coco:image/10", "image", split="test"),
            Entity("coco:image/30", "image"),
        ],
    )
    images = [("vg:image/1", "coco:image/10"), ("vg:image/2", "coco:image/20"), ("vg:image/3", "coco:image/30")]
    joined, _ = link(store, pictures=images)
    assert _same(store) == {("vg:image/1", "coco:image/10"), ("vg:image/3", "coco:image/30")}
    assert _by_rule(joined) == {"pictures of COCO in Visual Genome": (2, 2, 0, 0)}
    splits = {triple.split for triple in store.neighbours("coco:image/10")}
    assert splits == {"test"}


def test_joins_are_made_once_in_any_order_and_found_again(store: GraphStore) -> None:
    _write(store, [_concept("vg:synset/dog.n.01"), _concept("cn:/c/en/domestic_dog")])
    link(store)
    assert _same(store) == set()
    _write(store, [_synset(DOG, "dog", "domestic dog"), *_senses(dog_n=(DOG, 1))])
    before = store.fingerprint()
    assert sum(joins.new for joins in link(store, dry_run=True)[0]) == 2
    assert store.fingerprint() == before
    link(store)
    after = store.fingerprint()
    assert _same(store) == {("vg:synset/dog.n.01", DOG), ("cn:/c/en/domestic_dog", DOG)}
    joined, _ = link(store)
    assert (sum(joins.made for joins in joined), sum(joins.new for joins in joined)) == (2, 0)
    assert store.fingerprint() == after
    assert [triple.sources for triple in store.neighbours(DOG, types=["SAME_AS"])] == [("link",), ("link",)]
    assert "link" in {source.name for source in store.sources()}


def test_what_a_person_joined_is_left_as_it_is(store: GraphStore) -> None:
    _write(
        store,
        [
            _synset(DOG, "dog"),
            _concept("cn:/c/en/dog"),
            Triple(DOG, "SAME_AS", "cn:/c/en/dog", sources=("mine",)),
        ],
    )
    joined, stale = link(store)
    assert (sum(joins.made for joins in joined), sum(joins.new for joins in joined), stale) == (1, 0, 0)
    assert _same(store) == {(DOG, "cn:/c/en/dog")}


def test_a_join_that_no_rule_makes_any_more_is_reported_and_taken_back_on_request(store: GraphStore) -> None:
    _write(store, [_synset(DOG, "dog"), _concept("cn:/c/en/dog")])
    link(store)
    _write(
        store, [_synset("wn:v00000001", "dog"), Triple("cn:/c/en/dog", "SAME_AS", "wn:v00000001", sources=("mine",))]
    )
    assert link(store)[1] == 1
    assert link(store, prune=True, dry_run=True)[1] == 1
    assert ("cn:/c/en/dog", DOG) in _same(store)
    assert link(store, prune=True)[1] == 1
    assert _same(store) == {("cn:/c/en/dog", "wn:v00000001")}
    assert link(store)[1] == 0


def test_an_empty_graph_has_no_joins(store: GraphStore) -> None:
    joined, stale = link(store)
    assert _by_rule(joined) == {}
    assert stale == 0


def test_the_command_says_by_which_rule_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = tmp_path / "graph.lbug"
    with open_store(graph) as store:
        _write(store, [_synset(DOG, "dog"), _synset(CAT, "cat"), _synset(SCAN, "cat"), _concept("vg:synset/dog.n.01")])
        _write(store, [_concept("cn:/c/en/cat"), Entity("vg:image/1", "image"), Entity("coco:image/10", "image")])
    (tmp_path / "names.tsv").write_text(f"dog.n.01\t{DOG[3:]}\tdog, domestic dog\nbroken\n")
    (tmp_path / "image_data.json").write_text(
        json.dumps([{"image_id": 1, "coco_id": 10}, {"image_id": 2, "coco_id": None}, {"image_id": 3, "coco_id": -1}])
    )
    call = ["link", "--store", str(graph), "--report", str(tmp_path / "report.json")]
    files = ["--synsets", str(tmp_path / "names.tsv"), "--image-data", str(tmp_path / "image_data.json")]
    assert main([*call, *files]) == 0
    printed = capsys.readouterr().out
    assert "synset names, by the file given: 1 joins, 1 new" in printed
    assert "ConceptNet's words with one synset: 0 joins, 0 new, 1 ambiguous" in printed
    assert "pictures of COCO in Visual Genome: 1 joins, 1 new" in printed
    assert f"ambiguous, the first (--report FILE lists all): cn:/c/en/cat, {SCAN} or {CAT}" in printed
    told = json.loads((tmp_path / "report.json").read_text())
    assert {"rule": "pictures of COCO in Visual Genome", "made": 1, "new": 1, "alone": 0, "ambiguous": {}} in told[
        "rules"
    ]
    assert [rule["ambiguous"] for rule in told["rules"] if rule["ambiguous"]] == [{"cn:/c/en/cat": [SCAN, CAT]}]
    assert (told["source"], told["dry_run"], told["stale"]) == ("link", False, 0)
    assert main([*call, *files, "--dry-run"]) == 0
    assert "nothing was written" in capsys.readouterr().out
    (tmp_path / "names.tsv").write_text("nothing\n")
    assert run_command(lambda: main([*call, *files])) == WRONG_CALL
    assert "NAME TAB WNID" in capsys.readouterr().err


lemmas = st.sampled_from(["dog", "Dog", "hot dog", "cat", "run", "ran"])
tables = st.dictionaries(st.integers(0, 7), st.lists(lemmas, min_size=1, max_size=3), max_size=8)


@settings(deadline=None, max_examples=25)
@given(table=tables, words=st.sets(lemmas, max_size=6))
def test_random_words_are_joined_as_a_plain_count_says(
    tmp_path_factory: pytest.TempPathFactory, table: dict[int, list[str]], words: set[str]
) -> None:
    """Even synsets are nouns, odd ones verbs."""
    synsets = {f"wn:{'nv'[number % 2]}{number:08}": told for number, told in table.items()}
    by_word: dict[str, set[str]] = defaultdict(set)
    for id, told in synsets.items():
        for lemma in told:
            by_word[lemma.lower()].add(id)
    with open_store(tmp_path_factory.mktemp("link") / "graph.lbug") as store:
        _write(store, [_synset(id, *told) for id, told in synsets.items()])
        _write(store, [_concept(f"cn:/c/en/{word.replace(' ', '_')}") for word in words])
        _write(store, [_concept(f"vg:synset/{word.lower().replace(' ', '_')}.n.01") for word in words])
        link(store)
        expected = set()
        for word in words:
            found = by_word[word.lower()]
            nouns = {id for id in found if id.startswith("wn:n")}
            if len(found) == 1:
                expected.add((f"cn:/c/en/{word.replace(' ', '_')}", *found))
            if len(nouns) == 1:
                expected.add((f"vg:synset/{word.lower().replace(' ', '_')}.n.01", *nouns))
        assert _same(store) == expected


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_regions_of_the_real_slice_reach_wordnet(tmp_path: Path) -> None:
    table = [line.split("\t") for line in (SLICE / "derived" / "synset2wnid.tsv").read_text().splitlines()]
    graphs = json.loads((SLICE / "scene_graphs.json").read_bytes())
    used = {synset for graph in graphs for thing in graph["objects"] for synset in thing["synsets"]}
    with open_store(tmp_path / "graph.lbug") as store:
        load(store, read_visual_genome(SLICE), progress=False)
        _write(store, [_synset(f"wn:{wnid}", *lemmas.split(", ")) for _, wnid, lemmas in table])
        link(store, [(name, wnid) for name, wnid, _ in table])
        by_file = {(f"vg:synset/{name}", f"wn:{wnid}") for name, wnid, _ in table if name in used}
        assert by_file <= _same(store)
        rows = store.query(
            "MATCH (r:Entity)-[:IS_A]->(:Entity)-[:SAME_AS]->(w:Entity {id: 'wn:n02084071'}) RETURN count(r) AS dogs"
        ).rows
        assert rows == [(sum("dog.n.01" in t["synsets"] for g in graphs for t in g["objects"]),)]
