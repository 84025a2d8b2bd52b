"""Open English WordNet as YAML: entries-*.yaml with the words and their senses, and files of synsets beside them.

  entries-d.yaml    dog: {n: {sense: [{id: 'dog%1:05:00::', synset: 02086723-n, antonym: [..]}, ..]}}
  noun.animal.yaml  02086723-n: {definition: [..], example: [..], hypernym: [..], ili: i46360, members: [dog, ..]}

The senses of a word stand in the order of their numbers. A synset is named by its WordNet 3.0 offset where the map of
the Collaborative Interlingual Index has one for its `ili`, else `oewn:02086723-n`.
"""

from __future__ import annotations

import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import ryaml

from ingest.lines import read_lines
from ingest.records import BadSource, Skipped
from ingest.synsets import Described, Part, Related, Sense, one_line, synset_id
from kgstore.values import COMMON_TYPE, relation_type

_ARCHIVE = re.compile(r"\.(tar(\.\w+)?|tgz|txz)\Z")
_SYNSET = re.compile(r"\d{8}-[nvars]\Z")
_FILE = re.compile(r"(entries-.|(?:noun|verb|adj|adv)\.\w+)\.yaml\Z")

#: Relations that have another name here: the type, and whether the synset named in the list is its head.
_TYPES = {
    "hypernym": ("IS_A", False),
    "instance_hypernym": ("INSTANCE_OF", False),
    "mero_part": ("PART_OF", True),
    "mero_member": ("MEMBER_OF", True),
    "mero_substance": ("MADE_OF", False),
    "similar": ("SIMILAR_TO", False),
    "also": ("ALSO_SEE", False),
    "attribute": ("HAS_ATTRIBUTE", False),
    "domain_topic": ("HAS_TOPIC", False),
    "domain_region": ("HAS_REGION", False),
    "exemplifies": ("HAS_USAGE", False),
    "derivation": ("DERIVATIONALLY_RELATED", False),
    "pertainym": ("PERTAINS_TO", False),
    "participle": ("PARTICIPLE_OF", False),
    "agent": ("HAS_AGENT", False),
    "undergoer": ("HAS_UNDERGOER", False),
    "event": ("HAS_EVENT", False),
    "result": ("HAS_RESULT", False),
    "instrument": ("HAS_INSTRUMENT", False),
    "location": ("HAS_LOCATION", False),
    "destination": ("HAS_DESTINATION", False),
    "material": ("HAS_MATERIAL", False),
    "vehicle": ("HAS_VEHICLE", False),
    "body_part": ("HAS_BODY_PART", False),
    "state": ("HAS_STATE", False),
    "property": ("HAS_PROPERTY", False),
}


def is_open_wordnet(path: Path) -> bool:
    """Whether this is a folder with the YAML files, or a tar archive; archives are not opened."""
    return any(path.glob("entries-*.yaml")) if path.is_dir() else bool(_ARCHIVE.search(path.name))


def yaml_files(path: Path) -> list[Path]:
    """The files that decide what is read."""
    return [file for file in sorted(path.glob("*.yaml")) if _FILE.match(file.name)] if path.is_dir() else [path]


def read_open_wordnet(path: Path, ili: Path | None) -> Iterator[Part]:
    """The archive is read once from its beginning to its end; nothing is unpacked to disk."""
    names = _WordNetIds(_ili_map(ili) if ili else {})
    entries: dict[str, Any] = {}
    synsets: dict[str, Any] = {}
    for name, text in _texts_of(path):
        content = _parsed(name, text)
        if name.startswith("entries-"):
            for lemma, entry in content.items():
                entries[str(lemma)] = entry
        else:
            for key, synset in content.items():
                if _SYNSET.match(str(key)) and isinstance(synset, dict):
                    synsets[str(key)] = synset
                else:
                    yield Skipped("synsets that are not of the form `02086723-n: {..}`", f"{name}: {key}")
    if not synsets:
        raise BadSource(f"{path} holds no synsets of Open English WordNet (noun.animal.yaml and others).")
    for key, synset in synsets.items():
        names.add(key, synset.get("ili"))
    for key, synset in synsets.items():
        yield from _synset(key, synset, names)
    yield from _senses(entries, names)


class _WordNetIds:
    """Entity ids of synsets: no two share one."""

    def __init__(self, map: Mapping[str, str]) -> None:
        self._map = map
        self._ids: dict[str, str] = {}
        self._taken: set[str] = set()

    def add(self, key: str, ili: object) -> None:
        id = self._map.get(str(ili), "")
        self._ids[key] = id if id and id not in self._taken else f"oewn:{key}"
        self._taken.add(self._ids[key])

    def get(self, key: object) -> str | None:
        return self._ids.get(str(key))


def _ili_map(file: Path) -> dict[str, str]:
    """ILI -> entity id, from lines `i46360 TAB 02084071-n`."""
    found: dict[str, str] = {}
    for line in read_lines(file):
        ili, _, offset = line.strip().partition("\t") if isinstance(line, str) else ("", "", "")
        if _SYNSET.match(offset):
            number, _, speech = offset.partition("-")
            found[ili] = synset_id(("a" if speech == "s" else speech) + number)
    if not found:
        raise BadSource(f"{file} holds no line of the form `i46360 TAB 02084071-n`: give --ili ili-map-pwn30.tab.")
    return found


def _texts_of(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for file in yaml_files(path):
                yield file.name, file.read_bytes()
            return
        # Not as a pipe ("r|*"): that takes an archive that was cut short for a whole one.
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if _FILE.match(name) and (content := archive.extractfile(member)):
                    yield name, content.read()
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        raise BadSource(f"{path} is no whole tar archive ({error}): fetch it again.") from error
    except OSError as error:
        raise BadSource(f"{path} cannot be read: {error.strerror or error}.") from error


def _parsed(name: str, text: bytes) -> dict[Any, Any]:
    try:
        content = ryaml.loads(text.decode("utf-8"))
    except (ryaml.InvalidYamlError, UnicodeDecodeError) as error:
        raise BadSource(f"{name} is no YAML file ({error}): fetch it again.") from error
    if not isinstance(content, dict):
        raise BadSource(f"{name} is no YAML file of Open English WordNet: it needs a mapping.")
    return content


def _synset(key: str, synset: Mapping[str, Any], names: _WordNetIds) -> Iterator[Part]:
    id = names.get(key)
    assert id is not None
    yield Described(id, _texts(synset.get("members")), _texts(synset.get("definition")), _texts(synset.get("example")))
    for relation, ends in synset.items():
        for end in ends if isinstance(ends, list) else ():
            if isinstance(end, str) and _SYNSET.match(end):
                yield from _related(id, relation, names.get(end), f"{key} {relation} {end}")


def _senses(entries: Mapping[str, Any], names: _WordNetIds) -> Iterator[Part]:
    """Senses with their numbers, and the relations of senses as relations of their synsets."""
    synset_of: dict[str, str] = {}
    told: list[tuple[str, dict[str, Any]]] = []
    for lemma, entry in entries.items():
        numbers: dict[str, int] = {}
        for speech, of_speech in entry.items() if isinstance(entry, dict) else ():
            senses = of_speech.get("sense") if isinstance(of_speech, dict) else None
            for sense in senses if isinstance(senses, list) else ():
                # `n-1` and `n-2` are words that are spoken differently; their senses are counted on.
                letter = str(speech)[0]
                numbers[letter] = number = numbers.get(letter, 0) + 1
                synset = names.get(sense.get("synset")) if isinstance(sense, dict) else None
                if synset is None:
                    yield Skipped("senses whose synset is not there", f"{lemma}.{letter}.{number:02}")
                    continue
                synset_of[str(sense.get("id"))] = synset
                told.append((synset, sense))
                yield Sense(one_line(lemma), letter, number, synset)
    for synset, sense in told:
        for relation, ends in sense.items():
            for end in ends if isinstance(ends, list) else ():
                if isinstance(end, str) and "%" in end:
                    yield from _related(synset, relation, synset_of.get(end), f"{sense.get('id')} {relation} {end}")


def _related(id: str, relation: object, other: str | None, where: str) -> Iterator[Part]:
    """A relation that has no other name here keeps its own: `uses`, `by_means_of`."""
    type_, turned = _TYPES.get(str(relation), (relation_type(str(relation)), False))
    if other is None:
        yield Skipped("relations to what is not there", where)
    elif type_ == COMMON_TYPE:
        yield Skipped("relations without a name", where)
    else:
        yield Related(other, type_, id) if turned else Related(id, type_, other)


def _texts(values: object) -> tuple[str, ...]:
    """Texts of a list; an example that names its source is `{source: .., text: ..}`."""
    listed = values if isinstance(values, list) else []
    found = (value.get("text") if isinstance(value, dict) else value for value in listed)
    return tuple(dict.fromkeys(text for value in found if value is not None and (text := one_line(str(value)))))
