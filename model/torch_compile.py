"""torch.compile, a layer at a time."""

from __future__ import annotations

from model.knowledge_clip import KnowledgeClip


def compile_layers(model: KnowledgeClip, backend: str = "inductor") -> None:
    """Compiles each Transformer layer in place: parameters keep their names, and one layer's code serves all like it.

    A layer and not the whole network: batches differ in their numbers of pictures, texts and edges from step to step,
    which between the layers would be compiled again and again [D].
    """
    clip = model.towers.clip
    layers = [*clip.vision_model.encoder.layers, *clip.text_model.encoder.layers]
    if model.fused:
        layers += model.fusion.layers
    for layer in layers:
        layer.compile(dynamic=True, backend=backend)
