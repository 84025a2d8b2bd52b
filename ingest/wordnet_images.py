"""WordNet and pictures of its synsets: ImageNet-style folders, ImageNet's tables, Prolog files, Open English WordNet.

Source: WordNet 3.0 (Miller 1995), Open English WordNet (McCrae et al. 2019), ImageNet (Deng et al. 2009) and what was
cut from it. Licence: WordNet's own; Open English WordNet and the map of the Interlingual Index CC BY 4.0; ImageNet's
pictures for non-commercial research, with their photographers. To get it: from their sites; an archive stays packed.

`--path` is a folder of pictures, WordNet in one of its forms, or both in one folder; --wordnet names more of it:
  tables    words.txt, gloss.txt, wordnet.is_a.txt (or .gz)
  Prolog    a folder with wn_s.pl, wn_g.pl, wn_hyp.pl ...
  YAML      a folder of Open English WordNet's YAML files, or its archive; --ili ili-map-pwn30.tab gives its synsets
            their WordNet 3.0 offsets, without which they meet no picture and no other form
  pictures  below folders named by wnids, or with names that begin with one; val_annotations.txt, *_boxes.txt

Entities   concept `wn:n02084071` (`oewn:02086723-n` where there is no offset): its lemmas and its gloss are texts
           word `wn:word/dog.n` of kind phrase, from the forms that number senses
           image `SOURCE:image/PATH`: every picture but those that --entities leaves out
           phrase `wn:gloss/n02084071/1` and `wn:example/..` where --glosses or --examples ask for entities
Relations  IS_A, INSTANCE_OF, PART_OF, MEMBER_OF, MADE_OF and what else WordNet tells between synsets
           word HAS_SENSE synset with weight 1 / number: `dog.n.02` is the synset at weight 1/2 of `wn:word/dog.n`
           image IMAGE_OF synset; synset HAS_GLOSS phrase and back GLOSS_OF; synset HAS_EXAMPLE phrase

A synset also carries its first training pictures by path, at most --images of them: it is shown by them wherever it
stands in a triple. Training never sees the others: pictures of val and test folders are in that split, with all their
relations, and so are all pictures of the synsets that --valid-synsets and --test-synsets name (or draw by --seed):
these synsets stay in the graph with their words, glosses and relations but without a picture, so that a model meets
them through the graph alone. --test-part moves a part of the valid pictures to test, so that one can choose a model on
some and report on others. --only-pictured leaves out the synsets that stand above no picture.

To test what the graph explains, names must not come with their explanation: `--glosses entities` keeps a gloss apart
from the names that pictures are paired with.

The image root is the folder of pictures: references begin `SOURCE/`. Give every collection its own --source.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from ingest.class_pictures import ClassPicture, class_pictures
from ingest.lines import read_lines
from ingest.open_wordnet import is_open_wordnet, read_open_wordnet, yaml_files
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from ingest.synsets import RELATIONS, WNID, Lexicon, Part, Sense, Synset, synset_id, word_id
from ingest.wordnet_prolog import prolog_files, read_prolog
from ingest.wordnet_tables import TABLES, read_tables
from kgstore.values import SPLITS, Entity, Relation, Triple, relation_text

HELP = "WordNet (tables, Prolog, Open English WordNet) and pictures of its synsets (ImageNet, tiny-imagenet)"

APART = ("texts", "entities", "none")

IMAGE_OF = Relation("IMAGE_OF", "image of")
HAS_SENSE = Relation("HAS_SENSE", "has the sense")
HAS_GLOSS = Relation("HAS_GLOSS", "means")
GLOSS_OF = Relation("GLOSS_OF", "meaning of")
HAS_EXAMPLE = Relation("HAS_EXAMPLE", "as in")


@dataclass(frozen=True)
class Files:
    """WordNet as it lies on the disk, each file in the form that its name tells, and a folder of pictures."""

    tables: tuple[Path, ...] = ()
    prolog: tuple[Path, ...] = ()
    yaml: tuple[Path, ...] = ()
    ili: Path | None = None
    pictures: Path | None = None


@dataclass(frozen=True)
class HeldOut:
    """Which synsets have no picture in training: wnids, or how many to draw by the seed from those with pictures."""

    valid: tuple[str, ...] | int = 0
    test: tuple[str, ...] | int = 0
    seed: int = 0


@dataclass(frozen=True)
class Choice:
    """What becomes of the pictures and words."""

    images: int = 16
    entities: int | None = None  # training pictures of a synset that become entities; all of them by default
    boxes: bool = False
    glosses: str = "texts"
    examples: str = "none"
    senses: bool = True
    only_pictured: bool = False
    split: str | None = None
    test_part: float = 0.0
    held_out: HeldOut = field(default_factory=HeldOut)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, metavar="P", help="pictures, WordNet, or a folder of both")
    parser.add_argument(
        "--wordnet", type=Path, nargs="+", default=[], metavar="P", help="more of WordNet: files, folders or archives"
    )
    parser.add_argument("--ili", type=Path, metavar="FILE", help="ili-map-pwn30.tab, for Open English WordNet")
    parser.add_argument(
        "--source", metavar="NAME", help="what to call it in the graph (imagenet, or wordnet without pictures)"
    )
    parser.add_argument(
        "--images", type=_count, default=16, metavar="N", help="training pictures that a synset carries (%(default)s)"
    )
    parser.add_argument(
        "--entities",
        type=_count,
        metavar="N",
        help="training pictures of a synset that become entities with IMAGE_OF, which CLIP's loss reads (all)",
    )
    parser.add_argument("--boxes", action="store_true", help="show a picture by its object's box where one is told")
    parser.add_argument(
        "--glosses", choices=APART, default="texts", help="texts of the synset, entities, none (%(default)s)"
    )
    parser.add_argument(
        "--examples", choices=APART, default="none", help="texts of the synset, entities, none (%(default)s)"
    )
    parser.add_argument("--no-senses", action="store_true", help="no words with numbered senses")
    parser.add_argument(
        "--only-pictured", action="store_true", help="of WordNet only synsets with pictures and those above them"
    )
    parser.add_argument("--split", choices=SPLITS, help="give all pictures this split, whatever their folders say")
    parser.add_argument(
        "--test-part",
        type=float,
        default=0.0,
        metavar="P",
        help="part of the valid pictures that is test (%(default)s)",
    )
    for split in ("valid", "test"):
        parser.add_argument(
            f"--{split}-synsets",
            metavar="FILE|N",
            help=f"synsets without a picture in training, all theirs being {split}: a file of wnids, or how many",
        )
    parser.add_argument("--seed", type=int, default=0, help="which synsets are drawn (%(default)s)")


def from_options(options: argparse.Namespace) -> DataSet:
    if not 0 <= options.test_part <= 1:
        raise BadSource(f"--test-part is a part from 0 to 1, not {options.test_part}.")
    held_out = HeldOut(_wnids(options.valid_synsets), _wnids(options.test_synsets), options.seed)
    choice = Choice(
        images=options.images,
        entities=options.entities,
        boxes=options.boxes,
        glosses=options.glosses,
        examples=options.examples,
        senses=not options.no_senses,
        only_pictured=options.only_pictured,
        split=options.split,
        test_part=options.test_part,
        held_out=held_out,
    )
    return read_wordnet_images(options.path, options.wordnet, options.ili, options.source, choice)


def read_wordnet_images(
    path: Path,
    wordnet: Collection[Path] = (),
    ili: Path | None = None,
    source: str | None = None,
    choice: Choice = Choice(),
) -> DataSet:
    files = _found(path, wordnet, ili)
    pictures = list(class_pictures(files.pictures)) if files.pictures else []
    shown = [picture for picture in pictures if isinstance(picture, ClassPicture)]
    if not (shown or files.tables or files.prolog or files.yaml):
        raise BadSource(
            f"{path} holds neither pictures of synsets nor WordNet's files: `python -m ingest wordnet-images --help` "
            "says what they look like."
        )
    if shown and files.yaml and not ili:
        raise BadSource("Open English WordNet meets pictures only by the map of its synsets: --ili ili-map-pwn30.tab.")
    source = source or ("imagenet" if shown else "wordnet")
    root = str(files.pictures.resolve()) if shown and files.pictures else ""
    texts = [*files.tables, *files.prolog, *chain.from_iterable(map(yaml_files, files.yaml)), *([ili] if ili else [])]
    options = (choice, [file.name for file in texts])
    records = partial(_records, files, pictures, source, choice)
    read = (*texts, Path(root)) if root else tuple(texts)
    return DataSet(data_source(source, path, options, image_root=root), records, files=read)


def _found(path: Path, wordnet: Collection[Path], ili: Path | None) -> Files:
    tables: list[Path] = []
    prolog: list[Path] = []
    yaml: list[Path] = []
    for place in (path, *wordnet):
        if not place.exists():
            raise BadSource(f"{place} does not exist: give --path and --wordnet folders or files that do.")
        inside = [place / f"{name}{packed}" for name in TABLES for packed in ("", ".gz")] if place.is_dir() else [place]
        here = [file for file in inside if file.name.removesuffix(".gz") in TABLES and file.is_file()]
        clauses = prolog_files(place) if place.is_dir() else []
        opened = [*filter(is_open_wordnet, (place, place / "src" / "yaml", *place.glob("*wordnet*.tar*")))]
        if place != path and not (here or clauses or opened):
            raise BadSource(f"{place} is no part of WordNet: give --wordnet its tables, Prolog files, YAML or archive.")
        tables += here
        prolog += clauses
        yaml += opened
    return Files(tuple(tables), tuple(prolog), tuple(yaml), ili, path if path.is_dir() else None)


def _records(files: Files, pictures: list[ClassPicture | Skipped], source: str, choice: Choice) -> Iterator[Record]:
    lexicon = Lexicon()
    yield from lexicon.gather(_parts(files))
    shown: dict[str, list[ClassPicture]] = {}
    for picture in pictures:
        if isinstance(picture, Skipped):
            yield picture
        else:
            shown.setdefault(picture.wnid, []).append(picture)
    known = {relation.type: relation for relation in RELATIONS}
    types = dict.fromkeys(relation.type for relation in lexicon.relations)
    yield from (known.get(type_, Relation(type_, relation_text(type_))) for type_ in types)
    yield from (IMAGE_OF, HAS_SENSE, HAS_GLOSS, GLOSS_OF, HAS_EXAMPLE)

    carried: dict[str, tuple[str, ...]] = {}
    yield from _pictures(shown, source, choice, carried)
    named = {synset_id(wnid): pictures[0].words for wnid, pictures in shown.items()}
    kept = lexicon.above(named) if choice.only_pictured else None
    for id in (*lexicon.synsets, *(id for id in named if id not in lexicon.synsets)):
        if kept is None or id in kept:
            synset = lexicon.synsets.get(id, Synset())
            yield from _synset(id, synset, named.get(id, ""), carried.get(id, ()), source, choice)
    for head, type_, tail in lexicon.relations:
        if kept is None or (head in kept and tail in kept):
            yield Triple(head, type_, tail, sources=(source,))
    if choice.senses:
        for sense in lexicon.senses:
            if kept is None or sense.synset in kept:
                yield from _sense(sense, source)


def _parts(files: Files) -> Iterator[Part]:
    yield from read_tables(list(files.tables))
    yield from read_prolog(list(files.prolog))
    for place in files.yaml:
        yield from read_open_wordnet(place, files.ili)


def _synset(
    id: str, synset: Synset, words: str, images: tuple[str, ...], source: str, choice: Choice
) -> Iterator[Record]:
    """`words` are those of a picture's name, for a synset that no file describes."""
    key = id.partition(":")[2]
    lemmas = tuple(synset.lemmas) or ((words,) if words else ())
    texts = dict.fromkeys(lemmas)
    for told, asked in ((synset.glosses, choice.glosses), (synset.examples, choice.examples)):
        if asked == "texts":
            texts |= dict.fromkeys(told)
    yield Entity(id, "concept", next(iter(lemmas), key), tuple(texts), images, sources=(source,))
    if choice.glosses == "entities":
        for number, gloss in enumerate(synset.glosses, 1):
            phrase = f"wn:gloss/{key}/{number}"
            yield Entity(phrase, "phrase", gloss, (gloss,), sources=(source,))
            yield Triple(id, HAS_GLOSS.type, phrase, sources=(source,))
            yield Triple(phrase, GLOSS_OF.type, id, sources=(source,))
    if choice.examples == "entities":
        for number, example in enumerate(synset.examples, 1):
            phrase = f"wn:example/{key}/{number}"
            yield Entity(phrase, "phrase", example, (example,), sources=(source,))
            yield Triple(id, HAS_EXAMPLE.type, phrase, sources=(source,))


def _sense(sense: Sense, source: str) -> Iterator[Record]:
    word = word_id(sense.lemma, sense.speech)
    yield Entity(word, "phrase", sense.lemma, (sense.lemma,), sources=(source,))
    yield Triple(word, HAS_SENSE.type, sense.synset, weight=1 / sense.number, sources=(source,))


def _pictures(
    shown: dict[str, list[ClassPicture]], source: str, choice: Choice, carried: dict[str, tuple[str, ...]]
) -> Iterator[Record]:
    """Pictures as entities; `carried` gets the references that each synset carries."""
    held_out = _held_out(shown, choice)
    for wnid in held_out.keys() - shown.keys():
        yield Skipped("held-out synsets without a picture", wnid)
    for wnid, pictures in shown.items():
        training = 0
        for picture in pictures:
            split = held_out.get(wnid) or _split(picture, choice)
            reference = f"{source}/{picture.boxed if choice.boxes else picture.file}"
            if split == "train":
                if training < choice.images:
                    carried[synset_id(wnid)] = (*carried.get(synset_id(wnid), ()), reference)
                training += 1
                if choice.entities is not None and training > choice.entities:
                    continue
            image = f"{source}:image/{picture.file}"
            name = picture.file.rpartition("/")[2]
            yield Entity(image, "image", name, images=(reference,), sources=(source,), split=split)
            yield Triple(image, IMAGE_OF.type, synset_id(wnid), sources=(source,), split=split)


def _split(picture: ClassPicture, choice: Choice) -> str:
    """A valid picture moves to test by its name alone, so that it stays there when others come."""
    split = choice.split or picture.split
    if split == "valid" and choice.test_part:
        place = int.from_bytes(hashlib.sha256(picture.file.encode()).digest()[:4]) / 2**32
        return "test" if place < choice.test_part else "valid"
    return split


def _held_out(shown: dict[str, list[ClassPicture]], choice: Choice) -> dict[str, str]:
    """wnid -> split of the synsets that training sees no picture of. Named ones go before drawn ones."""
    asked = (("valid", choice.held_out.valid), ("test", choice.held_out.test))
    found: dict[str, str] = {}
    for split, wnids in asked:
        if not isinstance(wnids, int):
            found |= dict.fromkeys(wnids, split)
    draw = random.Random(choice.held_out.seed)
    for split, count in asked:
        if isinstance(count, int):
            free = sorted(shown.keys() - found.keys())
            if count > len(free):
                raise BadSource(f"--{split}-synsets {count} is more than the {len(free)} synsets with pictures.")
            found |= dict.fromkeys(draw.sample(free, count), split)
    return found


def _wnids(told: str | None) -> tuple[str, ...] | int:
    """A number, or the wnids in the lines of a file; what follows a wnid in its line is passed over."""
    if told is None or told.isdecimal():
        return int(told or 0)
    lines = [line.split() for line in read_lines(Path(told)) if isinstance(line, str) and line.strip()]
    if wrong := next((line[0] for line in lines if not WNID.match(line[0])), None):
        raise BadSource(f"{told} holds {wrong!r}, which is no wnid such as n02084071: give one a line.")
    return tuple(line[0] for line in lines)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)
