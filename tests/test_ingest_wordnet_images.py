"""WordNet in all its forms and pictures of its synsets: the forms agree, and training never sees what it must not."""

from __future__ import annotations

import gzip
import io
import tarfile
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import pytest
import ryaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.load import load
from ingest.records import BadSource, DataSet, Skipped
from ingest.wordnet_images import Choice, HeldOut, add_options, from_options, read_wordnet_images
from kgstore import GraphStore
from kgstore.images import ImageRoots, open_picture
from kgstore.values import Entity, Relation, Source, Triple

SHARED = Path(__file__).parent.parent.parent / "shared" / "data" / "imagenet-wordnet"
TINY = SHARED / "tiny-imagenet-200"
DOG, CAT, ANIMAL, PUPPY = "n02084071", "n02121620", "n00015388", "n01322604"


def _entities(data: DataSet) -> dict[str, Entity]:
    found: dict[str, Entity] = {}
    for record in data.records():
        if isinstance(record, Entity):
            found[record.id] = found[record.id].merged(record) if record.id in found else record
    return found


def _triples(data: DataSet) -> dict[tuple[str, str, str], Triple]:
    return {record.key[:3]: record for record in data.records() if isinstance(record, Triple)}


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), (200, 30, 30)).save(path)


def _options(*words: str) -> DataSet:
    parser = ArgumentParser()
    add_options(parser)
    return from_options(parser.parse_args(words))


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """ImageNet's tables, with what may be wrong in them."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "words.txt").write_bytes(
        f"{ANIMAL}\tanimal, animate being\r\n{DOG}\tdog, domestic dog,  Canis familiaris\n{CAT}\tcat\n"
        f"\n{PUPPY}\t , \nnot a wnid\tx\n".encode()
        + b"n01322604\t\xff\n"
    )
    with gzip.open(folder / "gloss.txt.gz", "wt") as file:
        file.write(f"{DOG}\tit  barks\n{CAT}\t\nno tab\n")
    (folder / "wordnet.is_a.txt").write_text(f"{ANIMAL} {DOG}\n{ANIMAL} {CAT}\n{DOG} {PUPPY}\n{DOG} {DOG}\n{DOG}\n")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """tiny-imagenet as it unpacks, in small."""
    folder = tmp_path / "tiny"
    for wnid in (DOG, CAT):
        for number in range(3):
            _picture(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG")
    (folder / "train" / DOG / f"{DOG}_boxes.txt").write_text(
        f"{DOG}_0.JPEG\t2\t1\t11\t8\n{DOG}_1.JPEG\t9\t9\t3\t3\n{DOG}_2.JPEG\t-5\t0\t4\t99\n"
    )
    for number in range(4):
        _picture(folder / "val" / "images" / f"val_{number}.JPEG")
    (folder / "val" / "val_annotations.txt").write_text(
        f"val_0.JPEG\t{DOG}\t0\t0\t5\t5\nval_1.JPEG\t{CAT}\t0\t0\t5\t5\nval_2.JPEG\t{DOG}\t0\t0\t5\t5\nval_9.JPEG dog\n"
    )
    _picture(folder / "test" / "images" / "test_0.JPEG")
    (folder / "train" / "notes.txt").write_text("no picture")
    return folder


def test_tables_give_synsets_with_words_glosses_and_what_they_are(tables: Path) -> None:
    data = read_wordnet_images(tables)
    entities = _entities(data)
    assert entities[f"wn:{DOG}"].name == "dog"
    assert entities[f"wn:{DOG}"].texts == ("dog", "domestic dog", "Canis familiaris", "it barks")
    assert set(entities) == {f"wn:{wnid}" for wnid in (DOG, CAT, ANIMAL, PUPPY)}
    assert set(_triples(data)) == {
        (f"wn:{DOG}", "IS_A", f"wn:{ANIMAL}"),
        (f"wn:{CAT}", "IS_A", f"wn:{ANIMAL}"),
        (f"wn:{PUPPY}", "IS_A", f"wn:{DOG}"),
    }
    assert _skipped(data) == {
        "wnids without words": 1,
        "lines that do not begin with a wnid": 2,
        "lines that are not UTF-8": 1,
        "wnids without a gloss": 1,
        "lines that are not `PARENT CHILD`": 1,
        "relations of a synset to itself": 1,
    }
    assert {file.name for file in data.files} == {"words.txt", "gloss.txt.gz", "wordnet.is_a.txt"}


PROLOG = {
    "s": "s(102084071,1,'dog',n,1,42).\ns(102084071,2,'domestic dog',n,1,0).\ns(110114209,1,'dog',n,3,0).\n"
    "s(107692614,1,'devil''s food, cake',n,1,0).\ns(301123148,1,'galore(ip)',s,1,0).\ns(102084071,1).\n",
    "g": "g(102084071,'it barks; \"the dog barked\"; \"two dogs, one bone\"').\ng(301123148,'in great numbers').\n",
    "hyp": "hyp(102084071,100015388).\nhyp(10208,100015388).\nnonsense\n",
    "ins": "ins(109185914,109359803).\n",
    "mp": "mp(102158846,102084071).\n",
    "mm": "mm(102084071,107994941).\n",
    "ms": "ms(114867545,102084071).\n",
    "ant": "ant(301123148,1,301123999,1).\n",
    "cls": "cls(102084071,0,106037666,0,t).\ncls(102084071,0,106037666,0,x).\n",
    "fr": "fr(200001740,0,8).\n",
}


@pytest.fixture
def prolog(tmp_path: Path) -> Path:
    folder = tmp_path / "prolog"
    folder.mkdir()
    for name, text in PROLOG.items():
        (folder / f"wn_{name}.pl").write_text(text)
    return folder


def test_prolog_gives_words_glosses_and_every_relation(prolog: Path) -> None:
    data = read_wordnet_images(prolog, choice=Choice(examples="texts"))
    entities, triples = _entities(data), _triples(data)
    assert entities["wn:n02084071"].texts == (
        "dog",
        "domestic dog",
        "it barks",
        "the dog barked",
        "two dogs, one bone",
    )
    assert entities["wn:n07692614"].name == "devil's food, cake"
    assert entities["wn:a01123148"].texts == ("galore", "in great numbers")
    between = {key for key in triples if key[1] != "HAS_SENSE"}
    assert between == {
        ("wn:n02084071", "IS_A", "wn:n00015388"),
        ("wn:n09185914", "INSTANCE_OF", "wn:n09359803"),
        ("wn:n02158846", "PART_OF", "wn:n02084071"),
        ("wn:n02084071", "MEMBER_OF", "wn:n07994941"),
        ("wn:n02084071", "MADE_OF", "wn:n14867545"),
        ("wn:a01123148", "ANTONYM", "wn:a01123999"),
        ("wn:n02084071", "HAS_TOPIC", "wn:n06037666"),
    }
    assert _skipped(data) == {
        "clauses with other arguments than their file should have": 3,
        "lines that are no clause of their file": 1,
    }


def test_senses_are_numbered_by_their_weight(prolog: Path) -> None:
    data = read_wordnet_images(prolog)
    senses = {key: triple.weight for key, triple in _triples(data).items() if key[1] == "HAS_SENSE"}
    assert senses == {
        ("wn:word/dog.n", "HAS_SENSE", "wn:n02084071"): 1,
        ("wn:word/dog.n", "HAS_SENSE", "wn:n10114209"): 1 / 3,
        ("wn:word/domestic_dog.n", "HAS_SENSE", "wn:n02084071"): 1,
        ("wn:word/devil's_food,_cake.n", "HAS_SENSE", "wn:n07692614"): 1,
        ("wn:word/galore.a", "HAS_SENSE", "wn:a01123148"): 1,
    }
    assert _entities(data)["wn:word/domestic_dog.n"].texts == ("domestic dog",)
    assert not any("word/" in id for id in _entities(read_wordnet_images(prolog, choice=Choice(senses=False))))


YAML = {
    "entries-d.yaml": """
dog:
  n:
    sense:
    - id: 'dog%1:05:00::'
      synset: 02086723-n
      derivation:
      - 'dog%2:38:00::'
      - 'gone%1:00:00::'
    - id: 'dog%1:18:00::'
      synset: 10042764-n
  v-1:
    sense:
    - id: 'dog%2:38:00::'
      synset: 02005890-v
      agent:
      - 'dog%1:18:00::'
      by_means_of:
      - 'dog%1:18:00::'
domestic dog:
  n:
    sense:
    - id: 'domestic_dog%1:05:00::'
      synset: 02086723-n
    - id: 'domestic_dog%1:05:01::'
      synset: 99999999-n
""",
    "entries-n.yaml": "'no':\n  n:\n    sense:\n    - {id: 'no%1:10:00::', synset: 07218560-n}\n",
    "noun.animal.yaml": """
02086723-n:
  definition:
  - a member of
    the genus Canis
  example:
  - the dog barked
  - source: Somebody
    text: dogs bark
  hypernym:
  - 00015568-n
  - 77777777-n
  ili: i46360
  members:
  - dog
  - domestic dog
  mero_part:
  - 02161498-n
00015568-n:
  definition: [a living organism]
  ili: i35563
  members: [animal]
02161498-n:
  definition: [a dog's tail]
  members: [flag]
10042764-n: {definition: [a dull girl], ili: i46360, members: [dog]}
07218560-n: {definition: [a negative], members: ['no'], ili: i99}
stray: 1
""",
    "verb.motion.yaml": "02005890-v: {definition: [go after], members: [dog], ili: i31}\n",
    "frames.yaml": "vii: Something ----s\n",
}
ILI = "i46360\t02084071-n\ni35563\t00015388-n\ni31\t02001858-v\ni7\t00003553-s\nbroken line\n"


@pytest.fixture
def ili(tmp_path: Path) -> Path:
    (tmp_path / "ili-map-pwn30.tab").write_text(ILI)
    return tmp_path / "ili-map-pwn30.tab"


@pytest.fixture(params=["folder", "archive"])
def yaml(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Open English WordNet as it is checked out, or packed."""
    folder = tmp_path / "oewn" / "src" / "yaml"
    folder.mkdir(parents=True)
    for name, text in YAML.items():
        (folder / name).write_text(text)
    if request.param == "folder":
        return tmp_path / "oewn"
    with tarfile.open(tmp_path / "english-wordnet.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "oewn", "english-wordnet")
    return tmp_path / "english-wordnet.tar.xz"


def test_open_english_wordnet_meets_wordnet_by_the_interlingual_index(yaml: Path, ili: Path) -> None:
    data = read_wordnet_images(yaml, ili=ili, choice=Choice(examples="entities", glosses="entities"))
    entities, triples = _entities(data), _triples(data)
    dog = "wn:n02084071"
    assert entities[dog].texts == ("dog", "domestic dog")
    assert entities["wn:gloss/n02084071/1"].texts == ("a member of the genus Canis",)
    assert {tail for head, type_, tail in triples if (head, type_) == (dog, "HAS_EXAMPLE")} == {
        "wn:example/n02084071/1",
        "wn:example/n02084071/2",
    }
    assert entities["wn:example/n02084071/2"].texts == ("dogs bark",)
    assert {key for key in triples if key[1] not in ("HAS_SENSE", "HAS_GLOSS", "GLOSS_OF", "HAS_EXAMPLE")} == {
        (dog, "IS_A", "wn:n00015388"),
        ("oewn:02161498-n", "PART_OF", dog),
        (dog, "DERIVATIONALLY_RELATED", "wn:v02001858"),
        ("wn:v02001858", "HAS_AGENT", "oewn:10042764-n"),
        ("wn:v02001858", "BY_MEANS_OF", "oewn:10042764-n"),
    }
    assert _skipped(data) == {
        "synsets that are not of the form `02086723-n: {..}`": 1,
        "relations to what is not there": 2,
        "senses whose synset is not there": 1,
    }
    assert {Relation("HAS_AGENT", "has the agent"), Relation("BY_MEANS_OF", "by means of")} <= set(data.records())
    assert entities["oewn:07218560-n"].name == "no"  # a word, not a truth value


def test_open_english_wordnet_keeps_the_order_of_senses(yaml: Path, ili: Path) -> None:
    triples = _triples(read_wordnet_images(yaml, ili=ili))
    assert triples["wn:word/dog.n", "HAS_SENSE", "wn:n02084071"].weight == 1
    assert triples["wn:word/dog.n", "HAS_SENSE", "oewn:10042764-n"].weight == 1 / 2
    assert triples["wn:word/dog.v", "HAS_SENSE", "wn:v02001858"].weight == 1


def test_an_archive_that_was_cut_short_says_so(tmp_path: Path, ili: Path) -> None:
    with tarfile.open(tmp_path / "wn.tar.xz", "w:xz") as archive:
        for name in ("noun.act.yaml", "noun.body.yaml"):
            text = "".join(f"{number:08}-n: {{members: [word{number}]}}\n" for number in range(2000)).encode()
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    whole = (tmp_path / "wn.tar.xz").read_bytes()
    (tmp_path / "wn.tar.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadSource, match="no whole tar archive"):
        list(read_wordnet_images(tmp_path / "wn.tar.xz", ili=ili).records())


def test_training_pictures_are_their_synsets_and_entities_of_their_own(pictures: Path, tables: Path) -> None:
    data = read_wordnet_images(pictures, [tables], source="tiny", choice=Choice(images=2))
    entities, triples = _entities(data), _triples(data)
    assert entities[f"wn:{DOG}"].images == (
        f"tiny/train/{DOG}/images/{DOG}_0.JPEG",
        f"tiny/train/{DOG}/images/{DOG}_1.JPEG",
    )
    assert entities[f"wn:{ANIMAL}"].images == ()
    image = f"tiny:image/train/{DOG}/images/{DOG}_2.JPEG"
    assert (entities[image].kind, entities[image].split) == ("image", "train")
    assert triples[image, "IMAGE_OF", f"wn:{DOG}"].split == "train"
    assert _skipped(data)["pictures without a wnid"] == 2  # a test picture, and one that no line names
    roots = ImageRoots({"tiny": data.source.image_root})
    assert all(open_picture(roots, ref).size == (20, 10) for entity in entities.values() for ref in entity.images)


def test_held_out_pictures_have_their_split_and_stand_on_no_synset(pictures: Path, tables: Path) -> None:
    data = read_wordnet_images(pictures, [tables], source="tiny")
    held_out = {key[0]: triple for key, triple in _triples(data).items() if "/val/" in key[0]}
    assert {key: (triple.tail, triple.split) for key, triple in held_out.items()} == {
        "tiny:image/val/images/val_0.JPEG": (f"wn:{DOG}", "valid"),
        "tiny:image/val/images/val_1.JPEG": (f"wn:{CAT}", "valid"),
        "tiny:image/val/images/val_2.JPEG": (f"wn:{DOG}", "valid"),
    }
    entities = _entities(data)
    assert {entities[id].split for id in held_out} == {"valid"}
    assert not any(
        "/val/" in image for entity in entities.values() if entity.kind == "concept" for image in entity.images
    )


def test_a_synset_without_pictures_in_training_keeps_its_words_and_relations(pictures: Path, tables: Path) -> None:
    listed = tables.parent / "unseen.txt"
    listed.write_text(f"{DOG} domestic dog\n\nn09999999\n")
    data = _options(
        "--path", str(pictures), "--wordnet", str(tables), "--test-synsets", str(listed), "--source", "tiny"
    )
    entities, triples = _entities(data), _triples(data)
    assert entities[f"wn:{DOG}"].images == ()
    assert entities[f"wn:{DOG}"].texts[0] == "dog"
    assert (f"wn:{DOG}", "IS_A", f"wn:{ANIMAL}") in triples
    pictured = {triple.split for key, triple in triples.items() if key[1:] == ("IMAGE_OF", f"wn:{DOG}")}
    assert pictured == {"test"}
    assert {entity.split for entity in entities.values() if DOG in entity.id and entity.kind == "image"} == {"test"}
    assert _skipped(data)["held-out synsets without a picture"] == 1
    assert entities[f"wn:{CAT}"].images


def test_drawn_synsets_are_the_same_for_the_same_seed(pictures: Path) -> None:
    def seen(seed: int) -> dict[str, str]:
        data = read_wordnet_images(pictures, choice=Choice(held_out=HeldOut(valid=1, test=1, seed=seed)))
        return {triple.tail: triple.split for triple in _triples(data).values()}

    assert seen(0) == seen(0)
    assert sorted(seen(0).values()) == ["test", "valid"]
    assert len({tuple(sorted(seen(seed).items())) for seed in range(8)}) == 2
    with pytest.raises(BadSource, match="more than the 2 synsets"):
        list(read_wordnet_images(pictures, choice=Choice(held_out=HeldOut(test=3))).records())


def test_a_part_of_the_valid_pictures_can_be_the_test(tmp_path: Path) -> None:
    for number in range(40):
        _picture(tmp_path / "val" / DOG / f"{number}.png")
    splits = Counter(t.split for t in _triples(read_wordnet_images(tmp_path, choice=Choice(test_part=0.5))).values())
    assert splits.keys() == {"valid", "test"}
    assert min(splits.values()) > 8


def test_only_pictured_leaves_out_what_stands_above_no_picture(pictures: Path, tables: Path) -> None:
    data = read_wordnet_images(pictures, [tables], choice=Choice(only_pictured=True))
    assert {id for id, entity in _entities(data).items() if entity.kind == "concept"} == {
        f"wn:{wnid}" for wnid in (DOG, CAT, ANIMAL)
    }
    assert not any(PUPPY in head for head, _, _ in _triples(data))


def test_entities_of_training_pictures_can_be_few_or_none(pictures: Path) -> None:
    entities = _entities(read_wordnet_images(pictures, choice=Choice(entities=0)))
    assert {id for id, entity in entities.items() if entity.kind == "image"} == {
        f"imagenet:image/val/images/val_{number}.JPEG" for number in range(3)
    }
    assert len(entities[f"wn:{DOG}"].images) == 3


def test_a_box_shows_the_object_alone(pictures: Path) -> None:
    data = read_wordnet_images(pictures, source="tiny", choice=Choice(boxes=True))
    shown = _entities(data)[f"wn:{DOG}"].images
    folder = f"tiny/train/{DOG}/images/{DOG}"
    assert shown == (f"{folder}_0.JPEG#xywh=2,1,10,8", f"{folder}_1.JPEG", f"{folder}_2.JPEG#xywh=0,0,5,100")
    assert [open_picture(ImageRoots({"tiny": data.source.image_root}), ref).size for ref in shown] == [
        (10, 8),
        (20, 10),
        (5, 10),
    ]
    assert _skipped(data)["boxes that are empty or no four whole numbers"] == 1


def test_a_flat_folder_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    for name in ("n01484850_great_white_shark.JPEG", "n00007846_147031_person.jpg", "n00007846_9.jpg", "cat.jpg"):
        _picture(tmp_path / name)
    data = read_wordnet_images(tmp_path, choice=Choice(split="test"))
    entities = _entities(data)
    assert entities["wn:n01484850"].texts == ("great white shark",)
    assert (entities["wn:n00007846"].name, entities["wn:n00007846"].images) == ("person", ())
    assert {triple.split for triple in _triples(data).values()} == {"test"}
    assert _skipped(data) == {"pictures without a wnid": 1}


def test_another_picture_in_the_folder_is_loaded(embedded: GraphStore, pictures: Path) -> None:
    load(embedded, read_wordnet_images(pictures), progress=False)
    assert load(embedded, read_wordnet_images(pictures), progress=False).unchanged
    _picture(pictures / "train" / CAT / "images" / f"{CAT}_9.JPEG")
    again = load(embedded, read_wordnet_images(pictures), progress=False)
    assert (again.written.new_entities, again.written.new_triples) == (1, 1)
    assert len(embedded.entity(f"wn:{CAT}").images) == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--path", "{tmp}/nothing"), "does not exist"),
        (("--path", "{tmp}"), "neither pictures of synsets nor WordNet's files"),
        (("--path", "{tiny}", "--wordnet", "{tmp}"), "no part of WordNet"),
        (("--path", "{tiny}", "--wordnet", "{oewn}"), "--ili ili-map-pwn30.tab"),
        (("--path", "{tiny}", "--test-part", "2"), "from 0 to 1"),
        (("--path", "{tiny}", "--test-synsets", "{oewn}/entries-d.yaml"), "is no wnid"),
    ],
)
def test_a_call_that_cannot_work_says_what_to_do(
    tmp_path: Path, pictures: Path, words: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml" / "entries-d.yaml").write_text(YAML["entries-d.yaml"])
    places = {"tmp": str(tmp_path / "empty"), "tiny": str(pictures), "oewn": str(tmp_path / "yaml")}
    with pytest.raises(BadSource, match=sentence):
        list(_options(*(word.format(**places) for word in words)).records())


def test_pictures_and_wordnet_meet_in_one_graph_of_either_kind(
    store: GraphStore, tmp_path: Path, pictures: Path, ili: Path
) -> None:
    folder = tmp_path / "yaml"
    folder.mkdir()
    for name, text in YAML.items():
        (folder / name).write_text(text)
    sets = [read_wordnet_images(pictures, source="tiny"), read_wordnet_images(folder, ili=ili)]
    for data in sets:
        load(store, data, progress=False)
    dog, before = store.entity(f"wn:{DOG}"), store.statistics()
    assert dog.sources == ("tiny", "wordnet")
    assert len(dog.images) == 3
    assert "domestic dog" in dog.texts
    for data in reversed(sets):
        load(store, data, progress=False)
    assert (store.entity(f"wn:{DOG}"), store.statistics()) == (dog, before)


#: No blanks, and neither a comma, which words.txt has between lemmas, nor a bracket, which Prolog has behind them.
_lemma = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters=",()"), min_size=1, max_size=8)
_offset = st.integers(0, 99_999_999).map(lambda number: f"{number:08}")


@given(st.dictionaries(_offset, st.lists(_lemma, min_size=1, max_size=4, unique=True), min_size=1, max_size=6))
def test_words_come_back_from_every_form(
    tmp_path_factory: pytest.TempPathFactory, synsets: dict[str, list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("wordnet")
    clauses = [
        f"s(1{offset},{place},'{lemma.replace(chr(39), chr(39) * 2)}',n,1,0).\n"
        for offset, lemmas in synsets.items()
        for place, lemma in enumerate(lemmas, 1)
    ]
    yaml = {
        f"{offset}-n": {"members": lemmas, "definition": ["d"], "ili": f"i{offset}"}
        for offset, lemmas in synsets.items()
    }
    for name in ("prolog", "yaml", "tables"):
        (folder / name).mkdir()
    (folder / "prolog" / "wn_s.pl").write_text("".join(clauses), encoding="utf-8")
    (folder / "yaml" / "noun.act.yaml").write_text(ryaml.dumps(yaml), encoding="utf-8")
    (folder / "yaml" / "entries-a.yaml").write_text("{}", encoding="utf-8")
    (folder / "ili.tab").write_text("".join(f"i{offset}\t{offset}-n\n" for offset in synsets))
    (folder / "tables" / "words.txt").write_text(
        "".join(f"n{offset}\t{', '.join(lemmas)}\n" for offset, lemmas in synsets.items()), encoding="utf-8"
    )
    choice = Choice(glosses="none", senses=False)
    for name in ("prolog", "yaml", "tables"):
        data = read_wordnet_images(folder / name, ili=folder / "ili.tab", choice=choice)
        found = {id: entity.texts for id, entity in _entities(data).items()}
        assert found == {f"wn:n{offset}": tuple(lemmas) for offset, lemmas in synsets.items()}
        assert not _skipped(data)


real = pytest.mark.skipif(not SHARED.is_dir(), reason="the real slices are not here")


@real
def test_tiny_imagenet_has_the_counts_of_its_folders() -> None:
    data = read_wordnet_images(TINY, [SHARED / "derived"], source="tiny")
    files = list(TINY.rglob("*.JPEG"))
    labels = dict(line.split("\t")[:2] for line in (TINY / "val" / "val_annotations.txt").read_text().splitlines())
    expected = Counter(
        (f"wn:{labels[file.name]}", "valid") if file.name in labels else (f"wn:{file.parts[-3]}", "train")
        for file in files
    )
    triples = _triples(data)
    assert Counter((t.tail, t.split) for t in triples.values() if t.type == "IMAGE_OF") == expected
    entities = _entities(data)
    assert sum(entity.kind == "image" for entity in entities.values()) == len(files)
    words = (TINY / "words.txt").read_text().splitlines()
    pairs = {tuple(line.split()) for line in (SHARED / "derived" / "wordnet.is_a.txt").read_text().splitlines()}
    assert sum(entity.kind == "concept" for entity in entities.values()) == len(words)
    assert {(f"wn:{parent}", f"wn:{child}") for parent, child in pairs} == {
        (tail, head) for head, type_, tail in triples if type_ == "IS_A"
    }
    carried = [entity.images for entity in entities.values() if entity.kind == "concept" and entity.images]
    assert len(carried) == len((TINY / "wnids.txt").read_text().split())
    assert {len(images) for images in carried} == {16}


@real
@pytest.mark.parametrize(
    ("folder", "pattern"), [("imagen", "*.jpg"), ("imagenet-sample-images", "*.JPEG"), ("imagenet-mini", "*/*/*.JPEG")]
)
def test_other_collections_have_the_counts_of_their_files(folder: str, pattern: str) -> None:
    data = read_wordnet_images(SHARED / folder, source=folder)
    expected = Counter(
        (
            file.name[:9] if file.name.startswith("n") else file.parent.name,
            "valid" if file.parts[-3] == "val" else "train",
        )
        for file in (SHARED / folder).glob(pattern)
    )
    assert Counter((t.tail.removeprefix("wn:"), t.split) for t in _triples(data).values()) == expected
    assert not _skipped(data)


@real
def test_the_prolog_files_have_the_counts_of_their_clauses() -> None:
    folder = SHARED / "wordnet-3.0-prolog"
    clauses = {
        (file.stem, *line.strip().split("(")[1].rstrip(").").split(","))
        for file in folder.glob("wn_*.pl")
        for line in file.read_text().splitlines()
    }
    found = Counter(type_ for _, type_, _ in _triples(read_wordnet_images(folder)))
    counted = {
        "IS_A": "wn_hyp",
        "INSTANCE_OF": "wn_ins",
        "PART_OF": "wn_mp",
        "MEMBER_OF": "wn_mm",
        "SIMILAR_TO": "wn_sim",
    }
    assert {type_: found[type_] for type_ in counted} == {
        type_: sum(clause[0] == file for clause in clauses) for type_, file in counted.items()
    }


@real
def test_open_english_wordnet_has_the_counts_of_its_lines() -> None:
    archive = SHARED / "open-english-wordnet" / "open-english-wordnet-yaml.tar.xz"
    records = list(read_wordnet_images(archive, ili=SHARED / "cili" / "ili-map-pwn30.tab").records())
    data = DataSet(Source("wordnet"), lambda: iter(records))
    synsets, senses = 0, 0
    with tarfile.open(archive) as packed:
        for member in packed:
            name = member.name.rpartition("/")[2]
            if name.endswith(".yaml") and name != "frames.yaml":
                content = packed.extractfile(member)
                assert content is not None
                lines = content.read().decode().splitlines()
                synsets += sum(line.startswith("  definition:") for line in lines)
                senses += sum(line.strip(" -").startswith("synset: ") for line in lines)
    entities = _entities(data)
    kinds = Counter(entity.kind for entity in entities.values())
    assert kinds["concept"] == synsets
    assert sum(isinstance(record, Triple) and record.type == "HAS_SENSE" for record in records) == senses
    known = {line.split("\t")[1][:8] for line in (SHARED / "cili" / "ili-map-pwn30.tab").read_text().splitlines()}
    assert all(id[4:] in known for id in entities if id.startswith("wn:n") and id[4:].isdecimal())
    assert _triples(data)["wn:word/dog.n", "HAS_SENSE", "wn:n02084071"].weight == 1
    assert entities["wn:n02084071"].texts[:3] == ("dog", "domestic dog", "Canis familiaris")


_shown = st.tuples(
    st.sampled_from(["folder", "images", "name", "annotated"]),
    st.sampled_from([DOG, CAT, ANIMAL]),
    st.sampled_from(["train", "val", "test", ""]),
)


@given(st.lists(_shown, min_size=1, max_size=10), st.sampled_from([(), (DOG,), (CAT, ANIMAL)]), st.integers(0, 3))
def test_whatever_pictures_are_laid_out_come_back_and_training_sees_none_that_is_held_out(
    tmp_path_factory: pytest.TempPathFactory, shown: list[tuple[str, str, str]], unseen: tuple[str, ...], images: int
) -> None:
    top, expected = tmp_path_factory.mktemp("laid-out"), dict[str, tuple[str, str]]()
    annotations: dict[Path, str] = {}
    for number, (layout, wnid, part) in enumerate(shown):
        folder = top / part if part else top
        if layout in ("folder", "images"):
            folder = folder / wnid / "images" if layout == "images" else folder / wnid
        elif layout == "annotated":
            folder = folder / "images"
            annotations[folder] = annotations.get(folder, "") + f"{number}.png\t{wnid}\t0\t0\t3\t3\n"
        file = folder / (f"{wnid}_{number}_thing.jpg" if layout == "name" else f"{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        split = {"val": "valid", "": "train"}.get(part, part)
        expected[f"x:image/{file.relative_to(top)}"] = (f"wn:{wnid}", "test" if wnid in unseen else split)
    for folder, text in annotations.items():
        (folder / "val_annotations.txt").write_text(text)
    data = read_wordnet_images(top, source="x", choice=Choice(images=images, held_out=HeldOut(test=unseen)))
    assert {key[0]: (triple.tail, triple.split) for key, triple in _triples(data).items()} == expected
    entities = _entities(data)
    held_out = {image for entity in entities.values() if entity.split != "train" for image in entity.images}
    trained = [image for entity in entities.values() if entity.split == "train" for image in entity.images]
    assert held_out.isdisjoint(trained)
    for id in {wn for wn, _ in expected.values()}:
        pictured = sum(told == (id, "train") for told in expected.values())
        assert len(entities[id].images) == min(images, pictured)
