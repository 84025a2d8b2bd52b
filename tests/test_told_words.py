"""What a CLIP is told beside its pairs: captions with their things exchanged, triples in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.swapped_captions import Swapping
from model.tokens import Tokenizer
from model.verbalised import in_words
from tests.training_batches import random_batch

TOKENIZER = Tokenizer.of()
SWAPPING = Swapping(TOKENIZER, ["left of", "on", "to the left of", "next to", "image of", ""], 16)


@pytest.mark.parametrize(
    ("caption", "swapped"),
    [
        ("a red cube left of a blue ball", "a blue ball left of a red cube"),
        ("a red cube is left of a blue ball", "a blue ball is left of a red cube"),
        ("there is a cat to the left of the big dog .", "there is the big dog to the left of a cat ."),
        ("a man in a hat on a horse", "a man in a horse on a hat"),
        ("a red cube", ""),
        ("a cat next to a dog", ""),  # as true as before
        ("a cat left of a cat", ""),
        ("cats left of dogs", ""),  # where a thing begins is not told
        ("", ""),
    ],
)
def test_two_things_of_a_caption_are_exchanged(caption: str, swapped: str) -> None:
    found, lengths = SWAPPING.swapped(*TOKENIZER.encode([caption], 16))
    assert (lengths[0] > 0) == bool(swapped)
    if swapped:
        assert found[0, : lengths[0]].tolist() == TOKENIZER.encode([swapped], 16)[0][0].tolist()


def test_a_triple_in_words_is_the_head_followed_by_the_relation() -> None:
    heads, relations = ["cube", "a long name of a thing", ""], ["is a", "means", "is a"]
    tokens, lengths = (torch.from_numpy(np.array(each)) for each in TOKENIZER.encode(heads, 16))
    relation_tokens, relation_lengths = (torch.from_numpy(each) for each in TOKENIZER.encode(relations, 16))
    batch = random_batch(pictures=1, texts=3, triples=3, edges=2)
    told = {"tokens": tokens, "lengths": lengths, "head": torch.tensor([1, 2, 3]), "relation": torch.arange(3)}
    told |= {"relation_tokens": relation_tokens, "relation_lengths": relation_lengths}
    batch = type(batch)(**{**batch.tensors(), **told})
    found, count = in_words(batch, torch.arange(3), 16)
    wanted, wanted_count = TOKENIZER.encode([" ".join(each) for each in zip(heads, relations, strict=True)], 16)
    assert found.tolist() == wanted.tolist()
    assert count.tolist() == wanted_count.tolist()
    cut, count = in_words(batch, torch.arange(3), 6)
    end = int(wanted[0, wanted_count[0] - 1])
    assert count.tolist() == [min(6, number) for number in wanted_count]
    assert [int(row[number - 1]) for row, number in zip(cut, count, strict=True)] == [end] * 3
    assert int(cut[1, 4]) == int(relation_tokens[1, 1])  # of a long head the end is left out, not the relation
