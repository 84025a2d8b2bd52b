"""The network against the equations written out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor

from model.config import TOWERS, ModelConfig
from model.fusion import Elements, Fusion, Layer, Sequence
from model.graph_network import GatedMean, GraphNetwork
from model.knowledge_clip import Encoding, mixed, pooled_grid
from model.towers import BadTowers, Towers, clip_from_checkpoint, new_clip
from tests.training_batches import TINY, random_batch, random_texts, tiny_clip, tiny_network

LOSSES = ("e2e", "e2e_heads", "e2r", "g2e", "kd", "clip")


def random_elements(count: int, longest: int, width: int, seed: int) -> Elements:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (count,), generator=generator)
    return Elements(torch.randn(count, longest, width, generator=generator), torch.arange(longest) < lengths[:, None])


def fusion(masked: str = "drop", drop_path: float = 0.0) -> Fusion:
    torch.manual_seed(1)
    config = dataclasses.replace(TINY, masked=masked, drop_path=drop_path)
    return Fusion(config, slot=7, attention="eager").train(False)


def test_a_checkpoint_that_is_none_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadTowers, match="No CLIP can be loaded from the folder"):
        clip_from_checkpoint(str(tmp_path))


def test_a_preset_begins_with_embeddings_of_its_own_scales() -> None:
    for name in ("small", "scenes"):
        shape, clip = TOWERS[name], new_clip(name)
        words, patches = clip.text_model.embeddings, clip.vision_model.embeddings
        for weights, scale in (
            (words.token_embedding.weight, shape.text_scale),
            (words.position_embedding.weight, shape.text_scale),
            (patches.position_embedding.weight, shape.position_scale),
        ):
            assert weights.std().item() == pytest.approx(scale, rel=0.1)


def test_the_sequence_is_head_token_head_relation_tail_with_encodings() -> None:
    f, h, t = fusion(), random_elements(3, 4, 24, 0), random_elements(3, 5, 24, 1)
    r = torch.randn(3, 24)
    states, attended, read = f.sequence(h, r, t, read_relation=True)
    assert states.shape == (3, 1 + 4 + 1 + 5, 24)
    assert read == 1 + 4  # Eq. 5: the slot after x_h
    for i in range(3):
        torch.testing.assert_close(states[i, 0], f.head_token)
        torch.testing.assert_close(states[i, 1:5], h.tokens[i] + f.encode_head[:4])
        torch.testing.assert_close(states[i, 5], r[i] + f.encode_relation)
        torch.testing.assert_close(states[i, 6:], t.tokens[i] + f.encode_tail[:5])
        assert attended[i].tolist() == [True, *h.present[i].tolist(), True, *t.present[i].tolist()]


def test_zeroed_elements_keep_their_places_as_zeros_that_are_attended_to() -> None:
    f, h = fusion("zero"), random_elements(2, 4, 24, 0)
    r = torch.randn(2, 24)
    states, attended, _ = f.sequence(h, r, None)
    assert states.shape[1] == 1 + 4 + 1 + f.slot
    assert not states[:, 6:].any()
    assert attended[:, 6:].all()
    states, attended, read = f.sequence(h, None, h, read_relation=True)
    assert not states[:, read].any()
    states, _, _ = f.sequence(None, None, h)
    assert not states[:, 1 : 1 + f.slot + 1].any()


def test_dropped_elements_leave_no_place_but_the_relation_slot_that_is_read() -> None:
    f, h, t = fusion(), random_elements(2, 4, 24, 0), random_elements(2, 5, 24, 1)
    assert f.sequence(h, torch.randn(2, 24), None).states.shape[1] == 1 + 4 + 1
    assert f.sequence(None, None, t).states.shape[1] == 1 + 5
    states, attended, read = f.sequence(h, None, t, read_relation=True)
    assert (states.shape[1], read) == (1 + 4 + 1 + 5, 5)
    assert not states[:, 5].any()
    assert attended[:, 5].all()


def test_dropping_equals_zeros_that_are_not_attended_to() -> None:
    h = random_elements(40, 4, 24, 0)
    r = torch.randn(40, 24)
    dropping, zeroing = fusion("drop"), fusion("zero")
    states, attended, read = zeroing.sequence(h, r, None)
    attended[:, 6:] = False
    torch.testing.assert_close(
        zeroing.read_out(Sequence(states, attended, read)), dropping.whole(h, r, None), atol=1e-5, rtol=1e-4
    )


def test_zeros_that_are_attended_to_change_the_representation() -> None:
    h, r = random_elements(4, 4, 24, 0), torch.randn(4, 24)
    assert not torch.allclose(fusion("zero").whole(h, r, None), fusion("drop").whole(h, r, None), atol=1e-3)


def layers_of(f: Fusion) -> list[Layer]:
    return cast("list[Layer]", list(f.layers))


def plain_fusion(f: Fusion, states: Tensor, read: int) -> Tensor:
    """The layers as the definition has them: one sequence, every position in every layer."""
    for layer in layers_of(f):
        x = layer.norm_attention(states)
        q, (k, v) = layer.query(x), layer.key_value(x).chunk(2, -1)
        mixed_heads = []
        for q_i, k_i, v_i in zip(q.chunk(2, -1), k.chunk(2, -1), v.chunk(2, -1), strict=True):
            mixed_heads.append((q_i @ k_i.T / q_i.shape[-1] ** 0.5).softmax(-1) @ v_i)
        states = states + layer.out(torch.cat(mixed_heads, -1))
        states = states + layer.mlp(layer.norm_mlp(states))
    return f.norm(states)[read]


def test_packed_groups_equal_one_sequence_at_a_time() -> None:
    f, h, t = fusion(), random_elements(60, 4, 24, 0), random_elements(60, 6, 24, 1)
    R = f.relation_slot(h, None, t)
    Y = f.whole(h, None, t)
    for i in range(60):
        head, tail = h.tokens[i][h.present[i]], t.tokens[i][t.present[i]]
        sequence = torch.cat(
            [
                f.head_token[None],
                head + f.encode_head[: len(head)],
                torch.zeros(1, 24),
                tail + f.encode_tail[: len(tail)],
            ]
        )
        torch.testing.assert_close(R[i], plain_fusion(f, sequence, 1 + len(head)), atol=1e-5, rtol=1e-4)
        without_slot = torch.cat([sequence[: 1 + len(head)], sequence[2 + len(head) :]])
        torch.testing.assert_close(Y[i], plain_fusion(f, without_slot, 0), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("masked", ["drop", "zero"])
def test_a_representation_does_not_depend_on_its_batch(masked: str) -> None:
    f, h, t = fusion(masked), random_elements(50, 4, 24, 0), random_elements(50, 6, 24, 1)
    order = torch.randperm(50)
    for whole in (f.relation_slot(h, None, t), f.whole(h, None, t)):
        assert whole.shape == (50, 24)
    torch.testing.assert_close(f.relation_slot(h, None, t)[order], f.relation_slot(h.take(order), None, t.take(order)))
    longer = Elements(torch.nn.functional.pad(h.tokens, (0, 0, 0, 2)), torch.nn.functional.pad(h.present, (0, 2)))
    torch.testing.assert_close(f.whole(longer, None, t), f.whole(h, None, t), atol=1e-5, rtol=1e-4)


def test_attention_of_both_kinds_is_the_same() -> None:
    h, t = random_elements(5, 4, 24, 0), random_elements(5, 6, 24, 1)
    eager, fused = fusion(), fusion()
    for layer in layers_of(fused):
        layer.attention = "sdpa"
    torch.testing.assert_close(eager.whole(h, None, t), fused.whole(h, None, t), atol=1e-5, rtol=1e-4)


def test_drop_path_leaves_evaluation_alone_and_keeps_the_mean() -> None:
    h = random_elements(4000, 1, 24, 0)
    f = fusion(drop_path=0.5)
    still = f.whole(None, None, h)
    torch.testing.assert_close(still, f.whole(None, None, h))
    layer = layers_of(f)[-1].train()
    residual = torch.ones(20_000, 1, 2)
    dropped = layer._dropped(residual)
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("gate", ["elementwise", "dot"])
def test_the_graph_network_is_equations_11_and_12(gate: str) -> None:
    torch.manual_seed(0)
    network = GraphNetwork(6, layers=2, gate=gate)
    entities, gates = torch.randn(5, 6), torch.randn(7, 6)
    head, tail = torch.tensor([0, 1, 2, 3, 3, 4, 2]), torch.tensor([1, 0, 1, 1, 2, 2, 0])
    G = entities
    for layer in cast("list[GatedMean]", list(network.layers)):
        new = G.clone()  # entities 3 and 4 have no incoming edge and stay as they are
        for t in (0, 1, 2):
            products = [(layer.gate.weight @ gates[e], G[head[e]]) for e in range(7) if tail[e] == t]
            incoming = [g * h if gate == "elementwise" else (g @ h) / 6**0.5 * h for g, h in products]
            new[t] = torch.stack(incoming).sum(0) / len(incoming)
        G = new
    torch.testing.assert_close(network(entities, head, tail, gates), G)


def test_pooling_averages_quarters_of_the_picture() -> None:
    tokens = torch.arange(17.0)[None, :, None]
    quarters = [[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]]
    expected = [0.0, *(sum(quarter) / 4 for quarter in quarters)]
    assert pooled_grid(tokens, 2).flatten().tolist() == expected
    assert torch.equal(pooled_grid(tokens, 0), tokens)


def test_a_batch_encodes_pictures_and_texts_at_their_numbers() -> None:
    model, batch = tiny_network(), random_batch()
    entities = model.encode(batch)
    pictures, texts = model.encode_pictures(batch.pixels), model.encode_texts(batch.tokens, batch.lengths)
    for k in range(len(batch.row)):
        source: Encoding = pictures if batch.is_picture[k] else texts
        row = int(batch.row[k])
        torch.testing.assert_close(entities.pooled[k], source.pooled[row])
        real = entities.elements.tokens[k][entities.elements.present[k]]
        torch.testing.assert_close(real, source.elements.tokens[row][source.elements.present[row]])


def test_mixing_works_where_one_side_is_empty() -> None:
    model, batch = tiny_network(), random_batch()
    texts = model.encode_texts(batch.tokens, batch.lengths)
    none = model.encode_pictures(batch.pixels[:0])
    again = mixed(none, texts, torch.arange(len(batch.tokens)))
    torch.testing.assert_close(again.pooled, texts.pooled)


OTHER_CHOICES = dataclasses.replace(
    TINY,
    masked="zero",
    image_tokens="normed",
    text_tokens="projected",
    gnn_gate="dot",
    fusion_mlp=2,
    own_temperature=False,
    e2e_symmetric=True,
    self_negatives=True,
    role_scale=0.5,
    teacher_temperature=0.05,
)


@pytest.mark.parametrize("config", [TINY, OTHER_CHOICES], ids=["defaults", "other choices"])
def test_all_losses_are_finite_and_reach_every_parameter(config: ModelConfig) -> None:
    model, teacher = tiny_network(config), Towers(tiny_clip(9))
    terms = model.losses(random_batch(), LOSSES, teacher)
    assert set(terms) == set(LOSSES)
    sum(terms.values()).backward()  # type: ignore[union-attr]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_loss_is_the_same_alone_and_among_others() -> None:
    model, batch, teacher = tiny_network(), random_batch(), Towers(tiny_clip(9))
    together = model.losses(batch, LOSSES, teacher)
    for name in LOSSES:
        alone = model.losses(batch, {name}, teacher)
        assert list(alone) == [name]
        assert alone[name].item() == pytest.approx(together[name].item(), rel=1e-4)


def test_losses_do_not_depend_on_the_order_of_triples() -> None:
    model, batch, teacher = tiny_network(), random_batch(), Towers(tiny_clip(9))
    order = torch.randperm(len(batch.head), generator=torch.Generator().manual_seed(1))
    assert batch.known_heads is not None
    shuffled = dataclasses.replace(
        batch,
        head=batch.head[order],
        relation=batch.relation[order],
        tail=batch.tail[order],
        known=batch.known[order][:, order],
        known_heads=batch.known_heads[order][:, order],
        pairs=order.argsort()[batch.pairs],
    )
    before, after = model.losses(batch, LOSSES, teacher), model.losses(shuffled, LOSSES, teacher)
    for name in LOSSES:
        assert before[name].item() == pytest.approx(after[name].item(), rel=1e-4), name


def test_tails_without_incoming_edges_are_left_out_of_g2e() -> None:
    model, batch = tiny_network(), random_batch(edges=0)
    assert model.losses(batch, {"g2e"})["g2e"].item() == 0.0


def test_tokens_are_taken_before_or_after_the_projection() -> None:
    tokens, lengths = random_texts(5, 8, seed=2)
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    default, other = Towers(tiny_clip()), Towers(tiny_clip(), image_projected=False, text_projected=True)
    for seen, projection in (
        ((other.image(pixels), default.image(pixels)), default.clip.visual_projection),
        ((default.text(tokens, lengths), other.text(tokens, lengths)), default.clip.text_projection),
    ):
        normed, projected = seen
        torch.testing.assert_close(projection(normed.tokens), projected.tokens)
        torch.testing.assert_close(normed.pooled, projected.pooled)


def test_the_temperatures_begin_and_end_where_they_are_told_to() -> None:
    model = tiny_network(dataclasses.replace(TINY, temperature=0.2, least_temperature=0.1))
    assert model.temperature.item() == pytest.approx(0.2)
    with torch.no_grad():
        for scale in model.scales:
            scale.fill_(50)
    model.clamp_temperatures()
    assert model.temperature.item() == model.towers.temperature.item() == pytest.approx(0.1)
    shared = tiny_network(dataclasses.replace(TINY, own_temperature=False))
    assert shared.temperature.item() == shared.towers.temperature.item()


def test_texts_of_the_same_words_are_no_negatives_of_each_other() -> None:
    batch = random_batch()
    a, b = int(batch.row[batch.tail[0]]), int(batch.row[batch.tail[1]])
    batch.tokens[b], batch.lengths[b] = batch.tokens[a], batch.lengths[a]
    known = tiny_network().representations(batch, set()).known_tails()
    assert known[0, 1]
    assert known[1, 0]
    assert not batch.known[0, 1]


def test_a_batch_without_pictures_trains_the_knowledge_losses() -> None:
    model = tiny_network()
    batch = random_batch(pictures=0)
    terms = model.losses(batch, LOSSES, Towers(tiny_clip(9)))
    assert terms["clip"].item() == terms["kd"].item() == 0.0
    assert terms["e2e"].isfinite()
