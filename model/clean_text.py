"""Texts as CLIP's original tokenizer reads them, which mends them first. transformers' tokenizer does not.

Both give the same tokens for ordinary texts: the difference is damaged characters (mojibake), HTML entities,
typographic quotation marks, some marks of rare scripts, and texts that spell out a special token.
"""

from __future__ import annotations

import html

import ftfy
import regex

#: What becomes one word, as open_clip has it; `regex` knows the letters of any script.
_WORD = regex.compile(
    r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)

#: What open_clip calls the special tokens, and what the tokenizers of checkpoints do.
_SPECIAL = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}


def words(text: str) -> list[str]:
    """The words of a text, mended, its entities resolved, in lower case."""
    mended = html.unescape(html.unescape(ftfy.fix_text(text)))
    return [_SPECIAL.get(word, word) for word in _WORD.findall(" ".join(mended.split()).lower())]
