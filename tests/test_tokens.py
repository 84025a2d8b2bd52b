"""Tokens are CLIP's own, from the shipped vocabulary or a checkpoint's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from model.tokens import BadTokenizer, Tokenizer

TEXTS = [
    "a red cube",
    "A photo of   a DOG.",
    "It's 12 o'clock, naïve café!",
    "two dogs\nplay (in the snow) - really?",
    "x" * 300,
    "",
    "日本語のテキスト 🐕",
]


def test_texts_are_padded_to_the_longest_and_cut_with_their_end_kept() -> None:
    tokens, lengths = Tokenizer.of().encode(["a cube", "a b c d e f g h"], 6)
    assert tokens.shape == (2, 6)
    assert lengths.tolist() == [4, 6]
    start, end = 49406, 49407
    assert tokens[:, 0].tolist() == [start, start]
    assert tokens[0, 3:].tolist() == [end, 0, 0]
    assert tokens[1, 5] == end


def test_no_texts_give_no_tokens() -> None:
    tokens, lengths = Tokenizer.of().encode([], 77)
    assert tokens.shape == (0, 0)
    assert lengths.shape == (0,)


def test_a_saved_tokenizer_is_loaded_by_transformers_and_by_us(tmp_path: Path) -> None:
    tokenizer = Tokenizer.of()
    tokenizer.save(tmp_path)
    tokens, _ = tokenizer.encode(TEXTS[:1], 77)
    assert CLIPTokenizer.from_pretrained(str(tmp_path))(TEXTS[0])["input_ids"] == tokens[0].tolist()
    again = Tokenizer.of(tmp_path)
    assert again.fingerprint == tokenizer.fingerprint
    assert (again.encode(TEXTS, 77)[0] == tokenizer.encode(TEXTS, 77)[0]).all()


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTokenizer, match=str(tmp_path)):
        Tokenizer.of(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(BadTokenizer, match=str(tmp_path)):
        Tokenizer.of(tmp_path)
