"""Files of words that lie beside facts: `entity TAB name` and the like."""

from __future__ import annotations

import argparse
from pathlib import Path

from ingest.facts import Texts
from ingest.lines import read_table


def add_text_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--names", type=Path, metavar="FILE", help="names of entities: entity TAB name")
    parser.add_argument("--lemmas", type=Path, metavar="FILE", help="synonyms of entities: entity TAB lemma, lemma")
    parser.add_argument("--texts", type=Path, metavar="FILE", help="texts of entities: entity TAB text")
    parser.add_argument("--one-text", action="store_true", help="all words of an entity as one: name, lemma: text")
    parser.add_argument("--relation-texts", type=Path, metavar="FILE", help="words of relations: relation TAB words")


def texts_beside(options: argparse.Namespace, folder: Path) -> tuple[Texts, tuple[Path, ...]]:
    """The words and their files; a file is looked for where the caller is, then in the folder of the facts."""
    given: list[Path | None] = [options.names, options.lemmas, options.texts, options.relation_texts]
    files = [_found(folder, file) if file else None for file in given]
    names, lemmas, texts, relations = ({} if file is None else read_table(file) for file in files)
    names = {key: name.replace("_", " ") for key, name in names.items()}  # Freebase's names are written Gary_Rydstrom
    return Texts(names, lemmas, texts, relations, one=options.one_text), tuple(file for file in files if file)


def _found(folder: Path, file: Path) -> Path:
    beside = folder / file
    return beside if not file.exists() and beside.exists() else file
