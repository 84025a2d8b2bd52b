"""What CLIP is made of, against implementations that others wrote: transformers' and open_clip's."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from kgstore.images import ImageRoots
from model.objectives import clip_loss
from model.pictures import as_pixels, pixels_of
from model.tokens import Tokenizer
from model.towers import END, START, Towers, clip_from_checkpoint, clip_of_config
from tests.training_batches import random_texts


def clip_of(vision: tuple[int, ...], text: tuple[int, ...], projection: int, act: str, end: int = END) -> CLIPModel:
    """Random weights; a tower is width, layers, heads, and then picture and patch, or context."""
    config = CLIPConfig(
        vision_config={
            **dict(zip(("hidden_size", "num_hidden_layers", "num_attention_heads"), vision, strict=False)),
            "intermediate_size": 4 * vision[0],
            "image_size": vision[3],
            "patch_size": vision[4],
            "hidden_act": act,
            "projection_dim": projection,
        },
        text_config={
            **dict(zip(("hidden_size", "num_hidden_layers", "num_attention_heads"), text, strict=False)),
            "intermediate_size": 4 * text[0],
            "max_position_embeddings": text[3],
            "hidden_act": act,
            "projection_dim": projection,
            "bos_token_id": START if end == END else 0,
            "eos_token_id": end,
        },
        projection_dim=projection,
    )
    torch.manual_seed(3)
    return clip_of_config(config)


@pytest.mark.parametrize(
    ("clip", "attention"),
    [
        (clip_of((24, 3, 2, 16, 4), (16, 2, 4, 12), 28, "quick_gelu"), "eager"),
        (clip_of((32, 2, 4, 30, 10), (48, 3, 3, 20), 40, "gelu"), "sdpa"),
        # The published files of OpenAI's CLIPs name 2 as the end token, which none of their texts holds.
        (clip_of((1024, 1, 16, 28, 14), (768, 2, 12, 77), 768, "quick_gelu", end=2), "eager"),
    ],
    ids=["small", "gelu", "as ViT-L/14"],
)
def test_towers_equal_transformers(clip: CLIPModel, attention: str, tmp_path: Path) -> None:
    clip.save_pretrained(tmp_path)
    # Files of earlier versions hold these numbers too.
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["text_model.embeddings.position_ids"] = clip.text_model.embeddings.position_ids
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    theirs = CLIPModel.from_pretrained(tmp_path).train(False)
    towers = Towers(clip_from_checkpoint(str(tmp_path), attention)).eval()
    side, context = towers.image_size, towers.context
    pixels = torch.randint(0, 256, (5, 3, side, side), dtype=torch.uint8)
    tokens, lengths = random_texts(30, context, seed=2)
    real = torch.arange(context) < lengths[:, None]
    processor = CLIPImageProcessor(do_resize=False, do_center_crop=False)
    with torch.no_grad():
        seen = processor(list(pixels), return_tensors="pt")["pixel_values"]
        vision = theirs.vision_model(pixel_values=seen)
        ours = towers.image(pixels)
        states = theirs.visual_projection(theirs.vision_model.post_layernorm(vision.last_hidden_state))
        torch.testing.assert_close(ours.tokens, states, atol=1e-5, rtol=0)
        images = theirs.get_image_features(pixel_values=seen).pooler_output
        torch.testing.assert_close(ours.pooled, images, atol=1e-5, rtol=0)

        padded = tokens.where(real, END)  # as transformers' tokenizer pads
        texts = theirs.get_text_features(input_ids=padded, attention_mask=real.long())
        ours = towers.text(tokens, lengths)
        torch.testing.assert_close(ours.pooled, texts.pooler_output, atol=1e-5, rtol=0)
        torch.testing.assert_close(ours.tokens[real], texts.last_hidden_state[real], atol=1e-5, rtol=0)


BLOCKS = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0xE00, 0xE7F), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF),
    (0x00, 0x1F), (0x7F, 0x9F),
)  # fmt: skip
HARD = (
    "a red cube dog's I'LL we've naïve İstanbul ΣΑΣ 12 3.5 ½ ... -- &amp; &amp;lt;b&gt; &eacute; &#8217; â€™ Ã© ﬁsh "
    "<|endoftext|> <|startoftext|> <start_of_text> <end_of_text> e\u0301 \u200d \ufe0f \ufeff"
)


def strings(count: int, letters: Sequence[tuple[int, int]], hard: str, blanks: str) -> Iterator[str]:
    """Words of random letters of one script each, and hard ones."""
    rng = random.Random(0)
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(0, 8)):
            first, last = rng.choice(letters)
            drawn = "".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 6)))
            parts += [rng.choice(hard.split()) if rng.random() < 0.4 else drawn, rng.choice(blanks) * rng.randint(0, 2)]
        yield "".join(parts)


def open_clip_tokens(texts: list[str]) -> list[list[int]]:
    from open_clip.tokenizer import SimpleTokenizer  # heavy, and only the reference here

    rows = SimpleTokenizer()(texts).tolist()
    return [row[: row.index(END) + 1] for row in rows]


def tokens_of(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    flat, offsets = tokenizer.ragged(texts, 77)
    return [part.tolist() for part in np.split(flat, offsets[1:-1])]


def test_a_tokenizer_that_cleans_equals_open_clips_on_any_text() -> None:
    texts = list(strings(10_000, BLOCKS, HARD, " \n\t\xa0\u3000"))
    assert tokens_of(Tokenizer.of().cleaning(), texts) == open_clip_tokens(texts)


def test_the_default_tokenizer_equals_transformers_and_open_clips_but_for_what_cleaning_changes(tmp_path: Path) -> None:
    texts = list(strings(2_000, BLOCKS, HARD, " \n\t\xa0\u3000"))
    Tokenizer.of().save(tmp_path)
    theirs = CLIPTokenizer.from_pretrained(tmp_path)(texts, truncation=True, max_length=77)["input_ids"]
    assert tokens_of(Tokenizer.of(), texts) == [row[: row.index(END) + 1] for row in theirs]
    # Ordinary texts of ASCII, Cyrillic, Hebrew, Arabic, kana, Chinese and Korean, and emoji need no cleaning.
    letters = ((0x30, 0x5A), (0x61, 0x7A), (0x410, 0x44F), (0x5D0, 0x5EA), (0x620, 0x64A), (0x3041, 0x3096),
               (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F5FF))  # fmt: skip
    texts = list(strings(2_000, letters, "a red dog's I'LL naïve 3.5 ... (two)", " \n\t"))
    assert tokens_of(Tokenizer.of(), texts) == open_clip_tokens(texts)


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(width * height)
    whole = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    if mode in ("RGBA", "LA"):
        whole.putalpha(Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8)))
    return whole.convert(mode)


def processed(kind: Any, picture: Image.Image, side: int) -> np.ndarray:
    processor = kind(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        do_rescale=False,
        do_normalize=False,
    )
    return np.asarray(processor(picture, return_tensors="np")["pixel_values"][0]).astype(int)


SIZES = ((64, 64), (65, 64), (31, 45), (200, 133), (133, 200), (427, 640), (20, 300), (301, 20), (7, 5), (1, 16))


@pytest.mark.parametrize("side", [32, 97])
def test_pixels_equal_those_of_transformers_image_processor(side: int) -> None:
    for width, height in SIZES:
        picture = noise(width, height)
        ours = as_pixels(picture, side).astype(int)
        assert np.abs(ours - processed(CLIPImageProcessorPil, picture, side)).max() <= 1, (width, height)
        # Its other form computes in torch, and is itself two levels from this one here and there.
        smooth = picture.filter(ImageFilter.GaussianBlur(2))
        apart = np.abs(as_pixels(smooth, side).astype(int) - processed(CLIPImageProcessor, smooth, side))
        assert apart.max() <= 2, (width, height)
        assert (apart > 1).mean() < 0.01, (width, height)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_pixels_of_any_mode_equal_those_of_transformers_image_processor(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png")
    noise(90, 61, mode).save(path)
    with Image.open(path) as picture:
        theirs = processed(CLIPImageProcessorPil, picture, 32)
    assert np.abs(pixels_of(ImageRoots({"s": tmp_path}), f"s/{path.name}", 32) - theirs).max() <= 1


def test_a_photograph_is_read_whole_until_it_is_four_times_as_large_as_needed(tmp_path: Path) -> None:
    for side in (127, 129):  # one and three pixels beyond make the last column of a reduced one hang over
        noise(4 * side + 3, 4 * side + 1).filter(ImageFilter.GaussianBlur(6)).save(tmp_path / "a.jpg", quality=90)
        pixels = pixels_of(ImageRoots({"s": tmp_path}), "s/a.jpg", side).astype(int)
        with Image.open(tmp_path / "a.jpg") as picture:
            apart = np.abs(pixels - processed(CLIPImageProcessorPil, picture, side))
        assert apart.max() <= 8
        assert apart.mean() < 0.6
        pixels = pixels_of(ImageRoots({"s": tmp_path}), "s/a.jpg", side + 2).astype(int)
        with Image.open(tmp_path / "a.jpg") as picture:
            assert np.abs(pixels - processed(CLIPImageProcessorPil, picture, side + 2)).max() <= 1


def test_clips_loss_and_its_gradient_equal_open_clips() -> None:
    from open_clip.loss import ClipLoss  # heavy, and only the reference here

    generator = torch.Generator().manual_seed(0)
    for count, width, tau in ((2, 8, 0.07), (64, 512, 0.07), (64, 512, 0.01)):
        leaves = [torch.randn(count, width, generator=generator, requires_grad=True) for _ in range(2)]
        scale = torch.tensor(1 / tau).log().requires_grad_()
        images, texts = leaves
        ours = clip_loss(images, texts, (-scale).exp())
        unit = [torch.nn.functional.normalize(each, dim=-1) for each in leaves]
        theirs = ClipLoss()(*unit, scale.exp())
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
        mine, reference = (torch.autograd.grad(loss, [*leaves, scale]) for loss in (ours, theirs))
        for a, b in zip(mine, reference, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
