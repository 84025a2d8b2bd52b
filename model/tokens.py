"""CLIP's byte-pair tokens: of any words, and of all texts of a projection once, in a mapped ragged array."""

from __future__ import annotations

import copy
import gzip
import hashlib
import itertools
import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int32, Int64
from tokenizers import Tokenizer as Backend
from tokenizers import normalizers, pre_tokenizers
from tqdm import tqdm
from transformers import CLIPTokenizer

from kgstore.errors import KgError
from kgstore.projecting import CARRIED, EARLIER
from kgstore.projection import Projection
from model.clean_text import words
from model.derived import mapped

#: Merges of the original CLIP: the file has more lines than the 49,408 tokens of its vocabulary use.
_MERGES = 49152 - 256 - 2

_CHUNK = 8192

#: Raised whenever the files of TextTokens change; those of another format are made anew.
_FORMAT = 3

#: Tokens of a text that holds no word: start and end.
NO_WORD = 2

#: Under this name tokenizer_config.json says that texts are cleaned.
_CLEANS = "clean_text"

_WANTED = "Name a folder with tokenizer.json, or with vocab.json and merges.txt."


class BadTokenizer(KgError):
    """A checkpoint whose tokenizer cannot be read."""


class Tokenizer:
    """CLIP's tokenizer: that of a checkpoint, or the original one from the file that the open_clip wheel ships.

    It gives the tokens of transformers' CLIPTokenizer, with which checkpoints are published and our exports are read
    [D]. One that `cleans` mends texts first and gives those of open_clip; what it saves remembers that.
    """

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self._tokenizer = tokenizer
        self.cleans = bool(tokenizer.init_kwargs.get(_CLEANS))
        told = tokenizer.backend_tokenizer.to_str()
        self.fingerprint = hashlib.sha256((told + _CLEANS * self.cleans).encode()).hexdigest()[:16]
        self._of_words = _for_words(told) if self.cleans else None

    @classmethod
    def of(cls, checkpoint: str | Path | None = None) -> Self:
        """From a folder or a hub's name; without either the original vocabulary, offline."""
        if checkpoint is None:
            return cls(_original())
        local = Path(checkpoint).is_dir()
        try:
            tokenizer = CLIPTokenizer.from_pretrained(str(checkpoint), local_files_only=local)
        except Exception as error:  # the tokenizers library raises nothing narrower for a broken file
            raise BadTokenizer(f"No CLIP tokenizer can be read from {checkpoint}: {error}. {_WANTED}") from error
        if tokenizer.vocab_size <= len(tokenizer.all_special_ids):  # what transformers makes of a folder without files
            raise BadTokenizer(f"{checkpoint} holds no CLIP tokenizer. {_WANTED}")
        return cls(tokenizer)

    def cleaning(self) -> Self:
        """This tokenizer, but that it cleans texts first."""
        tokenizer = copy.deepcopy(self._tokenizer)
        tokenizer.init_kwargs[_CLEANS] = True
        return type(self)(tokenizer)

    @property
    def original(self) -> bool:
        """Whether this is the vocabulary that all of OpenAI's CLIPs have."""
        return self._tokenizer.get_vocab() == _original().get_vocab()

    def encode(self, texts: Sequence[str], context: int) -> tuple[Int64[np.ndarray, "q l"], Int64[np.ndarray, " q"]]:
        """Tokens with start and end, padded with zeros to the longest text here, cut to `context` with the end kept."""
        flat, offsets = self.ragged(texts, context)
        return _padded(flat, offsets[:-1], np.diff(offsets))

    def ragged(self, texts: Sequence[str], context: int) -> tuple[Int32[np.ndarray, " t"], Int64[np.ndarray, " q_1"]]:
        """The same tokens in a row; those of text i stand from offset i to offset i + 1.

        A text that spells out the end token ends there: CLIP's pooling looks no further.
        """
        if not len(texts):
            return np.empty(0, np.int32), np.zeros(1, np.int64)
        end = self._tokenizer.eos_token_id
        rows = [row[: row.index(end) + 1] for row in self._rows(texts, context)]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = np.fromiter(itertools.chain.from_iterable(rows), np.int32, int(lengths.sum()))
        return flat, np.concatenate([[0], np.cumsum(lengths)])

    def _rows(self, texts: Sequence[str], context: int) -> list[list[int]]:
        if self._of_words is None:
            rows: list[list[int]] = self._tokenizer(list(texts), truncation=True, max_length=context)["input_ids"]
            return rows
        self._of_words.enable_truncation(context)
        return [each.ids for each in self._of_words.encode_batch([words(text) for text in texts], is_pretokenized=True)]

    def for_transformers(self, context: int) -> CLIPTokenizer:
        """The tokenizer of transformers, which cleans nothing; it cuts texts to `context` when asked to."""
        tokenizer = copy.deepcopy(self._tokenizer)
        tokenizer.init_kwargs.pop(_CLEANS, None)
        tokenizer.model_max_length = context
        return tokenizer

    def save(self, directory: str | Path) -> None:
        """Writes the files that transformers loads."""
        self._tokenizer.save_pretrained(str(directory))


class TextTokens:
    """The tokens of all texts of a projection, mapped. An entity without a text has its name as its one text.

    Texts are numbered in a row: those of entity n are `owner[n]` to `owner[n + 1]`. `described` are the entities that
    have texts of their own; a blank one is none.
    """

    def __init__(self, directory: Path) -> None:
        self.flat: Int32[np.ndarray, " t"] = mapped(directory / "tokens.npy")
        self.offsets: Int64[np.ndarray, " q_1"] = mapped(directory / "offsets.npy")
        self.owner: Int64[np.ndarray, " n_1"] = mapped(directory / "owner.npy")
        self.described: Bool[np.ndarray, " n"] = mapped(directory / "described.npy")

    def lengths(self, texts: Int64[np.ndarray, " q"]) -> Int64[np.ndarray, " q"]:
        """How many tokens these texts have, with start and end."""
        return self.offsets[texts + 1] - self.offsets[texts]

    def padded(self, texts: Int64[np.ndarray, " q"]) -> tuple[Int64[np.ndarray, "q l"], Int64[np.ndarray, " q"]]:
        """Tokens of these texts, padded with zeros to the longest of them, and their lengths."""
        return _padded(self.flat, self.offsets[texts], self.lengths(texts))


def text_folder(tokenizer: Tokenizer, context: int) -> str:
    """What the folder of a projection's tokens is called."""
    return f"{CARRIED}{_FORMAT}-{tokenizer.fingerprint}-{context}"


def text_tokens(projection: Projection, tokenizer: Tokenizer, context: int, *, progress: bool = False) -> TextTokens:
    """The tokens of a projection's texts: encoded once, into the projection's folder, and mapped from then on.

    Of a projection that followed another one only the new texts are encoded.
    """
    directory = projection.directory / text_folder(tokenizer, context)
    if not directory.is_dir():
        aside = directory.with_name(f"{directory.name}.part-{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            _write_tokens(projection, tokenizer, context, aside, progress)
            if not directory.is_dir():  # another process may have been faster
                aside.rename(directory)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return TextTokens(directory)


def _write_tokens(projection: Projection, tokenizer: Tokenizer, context: int, directory: Path, progress: bool) -> None:
    texts, owner, described = _descriptions(projection)
    parts, lengths, known = [np.empty(0, np.int32)], [np.empty(0, np.int64)], 0
    earlier = projection.directory / f"{EARLIER}{text_folder(tokenizer, context)}"
    if earlier.is_dir():  # entities keep their numbers and texts, and new ones stand behind them
        before = TextTokens(earlier)
        parts, lengths, known = [before.flat], [np.diff(before.offsets)], len(before.offsets) - 1
    with tqdm(total=len(texts), initial=known, desc="tokens", unit=" texts", disable=not progress) as bar:
        for start in range(known, len(texts), _CHUNK):
            chunk = texts.slice(start, _CHUNK).to_pylist()
            flat, offsets = tokenizer.ragged(chunk, context)
            parts.append(flat)
            lengths.append(np.diff(offsets))
            bar.update(len(chunk))
    np.save(directory / "tokens.npy", np.concatenate(parts))
    np.save(directory / "offsets.npy", np.concatenate([[0], np.cumsum(np.concatenate(lengths))]))
    np.save(directory / "owner.npy", owner)
    np.save(directory / "described.npy", described)


def _descriptions(
    projection: Projection,
) -> tuple[pa.LargeStringArray, Int64[np.ndarray, " n_1"], Bool[np.ndarray, " n"]]:
    """All texts in a row, the name standing in where an entity has none, where each entity's begin, and who has any."""
    offsets, texts = projection.all_texts
    said = pc.not_equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False)
    counts = np.diff(np.concatenate([[0], np.cumsum(said)])[offsets])
    owner = np.concatenate([[0], np.cumsum(np.maximum(counts, 1))])
    by_texts = np.repeat(counts > 0, np.maximum(counts, 1))
    source = np.empty(owner[-1], np.int64)
    source[by_texts] = offsets[0] + np.flatnonzero(said[offsets[0] : offsets[-1]])
    source[~by_texts] = len(texts) + np.flatnonzero(counts == 0)
    both = pa.concat_arrays([texts, projection.all_names])
    return both.take(pa.array(source)), owner, counts > 0


def _padded(
    flat: Int32[np.ndarray, " t"], start: Int64[np.ndarray, " q"], lengths: Int64[np.ndarray, " q"]
) -> tuple[Int64[np.ndarray, "q l"], Int64[np.ndarray, " q"]]:
    places = np.arange(lengths.max(initial=0))
    inside = places < lengths[:, None]
    tokens = np.zeros(inside.shape, np.int64)
    tokens[inside] = flat[(start[:, None] + places)[inside]]
    return tokens, np.asarray(lengths)


def _for_words(told: str) -> Backend:
    """The same byte pairs and special tokens, for texts that are cut into words already."""
    backend = Backend.from_str(told)
    backend.normalizer = normalizers.Sequence([])
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return backend


def _original() -> CLIPTokenizer:
    # Found without importing open_clip, which takes seconds and wants torchvision.
    package = find_spec("open_clip")
    if package is None or package.origin is None:
        raise BadTokenizer("CLIP's vocabulary ships with open_clip_torch, which is not installed: pip install it.")
    with gzip.open(Path(package.origin).with_name("bpe_simple_vocab_16e6.txt.gz"), "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : _MERGES + 1]
    merges = [(first, second) for first, second in (line.split() for line in lines)]
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges)  # type: ignore[arg-type]  # pairs, as its BPE wants them


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level BPE, printable bytes first, as GPT-2 orders them."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
