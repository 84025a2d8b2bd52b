"""Which relation stands between two texts of the drawn world: is "a red blick" a synonym of "a red cube", or its class?

Asked about are compositions that training never joins to anything, with the two relations that texts of this world
stand in. Each is right for one of two tails, so that it does not help to prefer one, and chance is a half.

towers         "a red cube synonym" or "a red cube is a": which is nearer to the tail? As triples are told to a CLIP
fused          Y(head, "synonym", -) or Y(head, "is a", -): which is nearer to Y(-, -, tail)?
relation_head  what E2R trains, between these two of its relations; not of a run that knows only one of them
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from model.embed import Encoder
from model.embeddings import unit
from model.knowledge_clip import Encoding
from model.probes import preference

#: The relations by type, and in words: first the one to a synonym, then the one to a class.
RELATIONS = {"SYNONYM": "synonym", "IS_A": "is a"}


def relation_words(encoder: Encoder, truth: dict[str, Any]) -> dict[str, float]:
    """The share of right answers, by way of asking."""
    asked = [(colour, kind, template) for colour, kind in truth["held_out"] for template in truth["templates"]]
    heads = [template.format(colour=colour, kind=kind) for colour, kind, template in asked]
    synonyms = [template.format(colour=colour, kind=truth["synonyms"][kind]) for colour, kind, template in asked]
    tails = [encoder.texts(synonyms), encoder.texts([f"a {truth['hypernyms'][kind]}" for _, kind, _ in asked])]
    told = [_pooled(encoder.texts([f"{head} {words}" for head in heads])) for words in RELATIONS.values()]
    shares = {"towers": _share([[(_pooled(tail) * question).sum(axis=1) for question in told] for tail in tails])}
    if encoder.model.fused:
        head = encoder.texts(heads).elements
        words = encoder.relations([*RELATIONS.values()])
        questions = [encoder.asked(head, word.expand(len(heads), -1)) for word in words]
        answers = [encoder.alone(tail) for tail in tails]
        shares["fused"] = _share([[(answer * question).sum(axis=1) for question in questions] for answer in answers])
        known = encoder.model.relations
        if set(RELATIONS) <= set(known):
            with torch.inference_mode():
                logits = [encoder.model.relation_logits(head, tail.elements).float().cpu().numpy() for tail in tails]
            shares["relation_head"] = _share([[own[:, known.index(type_)] for type_ in RELATIONS] for own in logits])
    return shares


def _share(scores: Sequence[Sequence[Float[np.ndarray, " b"]]]) -> float:
    """Of scores by tail and relation: the relation of the tail's own place is the right one."""
    (synonym, class_instead), (synonym_instead, class_) = scores
    return (preference(synonym, class_instead) + preference(class_, synonym_instead)) / 2


def _pooled(encoding: Encoding) -> Float[np.ndarray, "b d"]:
    return unit(encoding.pooled.float().cpu().numpy())
