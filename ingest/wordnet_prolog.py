"""WordNet's Prolog database: a clause a line, `hyp(102084071,102083346).`; `1` + offset is a noun, 2 verb, 3 adjective.

wn_s.pl holds the words and their sense numbers, wn_g.pl the glosses, the others relations. A part, a member and a
substance stand first in their files and the whole second. Frames, sense keys and noun classes are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.lines import read_lines
from ingest.records import Skipped
from ingest.synsets import Described, Part, Related, Sense, one_line, synset_id

_SPEECH = {"1": "n", "2": "v", "3": "a", "4": "r"}
_CLAUSE = re.compile(r"([a-z]+)\((.*)\)\.\s*\Z")
_ARGUMENT = re.compile(r"'(?:[^']|'')*'|[^,']+")

#: Of each relation file: the type, and whether the second synset is its head.
_TYPES = {
    "hyp": ("IS_A", False),
    "ins": ("INSTANCE_OF", False),
    "mp": ("PART_OF", False),
    "mm": ("MEMBER_OF", False),
    "ms": ("MADE_OF", True),
    "sim": ("SIMILAR_TO", False),
    "ant": ("ANTONYM", False),
    "sa": ("ALSO_SEE", False),
    "at": ("HAS_ATTRIBUTE", False),
    "ent": ("ENTAILS", False),
    "cs": ("CAUSES", False),
    "der": ("DERIVATIONALLY_RELATED", False),
    "per": ("PERTAINS_TO", False),
    "ppl": ("PARTICIPLE_OF", False),
    "vgp": ("SAME_VERB_GROUP", False),
}
_CLASSES = {"t": "HAS_TOPIC", "r": "HAS_REGION", "u": "HAS_USAGE"}
#: Files in which each end is a synset and the number of a word in it.
_BETWEEN_WORDS = {"ant", "sa", "der", "per", "ppl", "vgp", "cls"}


def prolog_files(folder: Path) -> list[Path]:
    """The files of a folder that are read: words and glosses first."""
    names = ("s", "g", *_TYPES, "cls")
    return [file for name in names for file in (folder / f"wn_{name}.pl", folder / f"wn_{name}.pl.gz") if file.exists()]


def read_prolog(files: list[Path]) -> Iterator[Part]:
    for file in files:
        name = file.name.removeprefix("wn_").removesuffix(".gz").removesuffix(".pl")
        read = {"s": _word, "g": _gloss}.get(name, _relation)
        for number, line in enumerate(read_lines(file), 1):
            where = f"{file.name}, line {number}: {line!r}"
            if isinstance(line, bytes):
                yield Skipped("lines that are not UTF-8", where)
            elif line.strip() and not line.startswith("%"):
                yield from _clause(line.strip(), name, read, where)


def _clause(line: str, name: str, read: Callable[[str, list[str]], Iterator[Part]], where: str) -> Iterator[Part]:
    clause = _CLAUSE.match(line)
    if not clause or clause[1] != name:
        yield Skipped("lines that are no clause of their file", where)
        return
    arguments = [_unquoted(argument) for argument in _ARGUMENT.findall(clause[2])]
    try:
        yield from read(name, arguments)
    except (IndexError, KeyError, ValueError):
        yield Skipped("clauses with other arguments than their file should have", where)


def _unquoted(argument: str) -> str:
    argument = argument.strip()
    return argument[1:-1].replace("''", "'") if argument.startswith("'") else argument


def _id(number: str) -> str:
    if len(number) != 9 or not number.isdecimal():
        raise ValueError(number)
    return synset_id(_SPEECH[number[0]] + number[1:])


def _word(name: str, arguments: list[str]) -> Iterator[Part]:
    synset, _, word, speech, number = arguments[:5]
    # An adjective's marker of where it stands is no part of the word: `galore(ip)`.
    lemma = one_line(re.sub(r"\((?:a|p|ip)\)\Z", "", word))
    if not lemma:
        raise ValueError(word)
    sense = Sense(lemma, "a" if speech == "s" else speech, int(number), _id(synset))
    yield Described(sense.synset, (lemma,))
    yield sense


def _gloss(name: str, arguments: list[str]) -> Iterator[Part]:
    """A gloss is the definitions, then examples between quotation marks."""
    synset, gloss = arguments
    definition, *quoted = re.split(r';\s*(?=")', gloss)
    examples = tuple(filter(None, (one_line(text.strip('" ;')) for text in quoted)))
    told = one_line(definition)
    yield Described(_id(synset), glosses=(told,) if told else (), examples=examples)


def _relation(name: str, arguments: list[str]) -> Iterator[Part]:
    first, second = (arguments[0], arguments[2]) if name in _BETWEEN_WORDS else arguments
    ends = _id(first), _id(second)
    type_, turned = (_CLASSES[arguments[4]], False) if name == "cls" else _TYPES[name]
    yield from map(Described, ends)
    yield Related(ends[turned], type_, ends[not turned])
