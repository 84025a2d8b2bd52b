"""The paper's objectives, one pure function an equation. Each is a mean over its samples, so that weights of 1 are 1:1.

`temperature` is the tau of the equations: cosines are divided by it. A sample set that is empty gives 0, with gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

#: The class of a relation that E2R does not tell apart.
NO_RELATION = -100


def cosines(a: Float[Tensor, "a d"], b: Float[Tensor, "b d"]) -> Float[Tensor, "a b"]:
    """The cosine similarity of every row of `a` to every row of `b`, in float32 also where the network is not."""
    with torch.autocast(a.device.type, enabled=False):
        return F.normalize(a.float(), dim=-1) @ F.normalize(b.float(), dim=-1).T


def e2e_loss(
    tails: Float[Tensor, "b d"],
    queries: Float[Tensor, "b d"],
    temperature: Float[Tensor, ""],
    known: Bool[Tensor, "b b"] | None = None,
    symmetric: bool = False,
    own: Float[Tensor, "b d"] | None = None,
) -> Float[Tensor, ""]:
    """Eq. 8: which of the batch's (h_j, r_j, -) leads to this tail?

    `tails` are Y(-,-,t_i), the anchors, and `queries` Y(h_j,r_j,-), the candidates.
    `known` [D]: [i, j] is true where the graph knows that j's query leads to i's tail too: no negative of i.
    `symmetric` [D]: the mean of this and the other direction, which of the batch's tails a query leads to.
    `own` [D]: Y(-,-,h_i), which a query does not lead to either (self-negatives: Wang et al. 2022, SimKGC); a row of
    zeros where h_i is t_i, as in no triple else.
    """
    logits = without_known(cosines(tails, queries) / temperature, known)
    loss = matching(logits)
    if not symmetric:
        return loss
    answers = logits.T
    if own is not None:
        themselves = (F.normalize(queries.float(), dim=-1) * F.normalize(own.float(), dim=-1)).sum(-1) / temperature
        themselves = themselves.masked_fill(~own.any(-1), float("-inf"))
        answers = torch.cat([answers, themselves[:, None]], dim=1)
    return (loss + matching(answers)) / 2


def e2r_loss(logits: Float[Tensor, "b c"], relation: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
    """Eq. 10: which of the c relations stands between h_i and t_i?

    A relation of number NO_RELATION is none of the c; its triple is left out, as held-out triples may need it.
    """
    summed = F.cross_entropy(logits, relation, ignore_index=NO_RELATION, reduction="sum")
    return summed / (relation != NO_RELATION).sum().clamp(min=1)


def g2e_loss(
    tails: Float[Tensor, "k d"], graphs: Float[Tensor, "k d"], temperature: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Eq. 13: which of the batch's neighbourhoods is this tail's? `tails` are Y(-,-,t_i), `graphs` G^L(t_i)."""
    return matching(cosines(tails, graphs) / temperature)


def clip_loss(
    images: Float[Tensor, "m d"],
    texts: Float[Tensor, "m d"],
    temperature: Float[Tensor, ""],
    known: Bool[Tensor, "m m"] | None = None,
) -> Float[Tensor, ""]:
    """Eq. 1: CLIP's own loss. Which text is this image's, and which image is this text's?

    `known` [D]: [i, j] is true where text j is true of image i; it is then no negative.
    """
    logits = without_known(cosines(images, texts) / temperature, known)
    return (matching(logits) + matching(logits.T)) / 2


def swap_loss(
    images: Float[Tensor, "m d"],
    texts: Float[Tensor, "m d"],
    swapped: Float[Tensor, "m d"],
    has_swapped: Bool[Tensor, " m"],
    temperature: Float[Tensor, ""],
    known: Bool[Tensor, "m m"] | None = None,
) -> Float[Tensor, ""]:
    """Eq. 1 from images to texts, each beside its own swapped caption as one text more (Yuksekgonul et al. 2023).

    Of the images that have one. [D] No other image has it as a negative, of which it may be true. `known` is as in
    clip_loss.
    """
    others = without_known(cosines(images, texts) / temperature, known)
    own = cosines(images, swapped).diagonal()[:, None] / temperature
    chosen = torch.cat([others, own], dim=1).log_softmax(dim=-1).diagonal()[has_swapped]
    return -chosen.sum() / has_swapped.sum().clamp(min=1)


def kd_loss(student: Float[Tensor, "m m"], teacher: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
    """KL(teacher || student) of the image-text similarities over their temperatures, the mean of both directions.

    The paper names KD and the two models and gives no formula; this is [D].
    """
    return (divergence(student, teacher) + divergence(student.T, teacher.T)) / 2


def total_loss(terms: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]) -> Float[Tensor, ""]:
    """Eq. 14: the weighted sum of the named terms."""
    weighted = [weights[name] * term for name, term in terms.items()]
    return sum(weighted[1:], start=weighted[0])


def matching(logits: Float[Tensor, "k c"]) -> Float[Tensor, ""]:
    """The mean over rows of -log softmax at the diagonal; columns beyond it are negatives of their row."""
    if not len(logits):
        return logits.sum()
    return -logits.log_softmax(dim=-1).diagonal().mean()


def divergence(student: Float[Tensor, "k c"], teacher: Float[Tensor, "k c"]) -> Float[Tensor, ""]:
    """The mean over rows of KL(softmax(teacher) || softmax(student))."""
    if not len(student):
        return student.sum()
    return F.kl_div(student.log_softmax(-1), teacher.log_softmax(-1), reduction="batchmean", log_target=True)


def without_known(logits: Float[Tensor, "k k"], known: Bool[Tensor, "k k"] | None) -> Float[Tensor, "k k"]:
    """The logits with every known pair but the diagonal taken out of the softmax."""
    if known is None:
        return logits
    others = known.clone().fill_diagonal_(False)
    return logits.masked_fill(others, float("-inf"))
