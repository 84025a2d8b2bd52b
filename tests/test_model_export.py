"""An exported run is a CLIP that transformers and open_clip load, with the same outputs, tokens and pixels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from transformers import AutoProcessor, CLIPConfig, CLIPModel, CLIPProcessor, CLIPTokenizer

from kgstore.errors import KgError
from model.checkpoint import TrainedModel, load_run, save_checkpoint
from model.config import CHECKPOINT_TOWERS, TrainConfig, to_json
from model.export import main
from model.knowledge_clip import KnowledgeClip
from model.open_clip_form import NoForm, open_clip_config
from model.pictures import as_pixels
from model.schedule import make_optimizer
from model.tokens import Tokenizer
from model.track import write_json
from tests.training_batches import TINY, tiny_clip

TEXTS = ["a red cube", "Two dogs play in the snow, it's 12 o'clock!", "日本語 🐕", ""]


def run_of(folder: Path, clip: CLIPModel, tokenizer: Tokenizer, relations: tuple[str, ...] = ()) -> Path:
    """A run as the trainer leaves it, with two checkpoints; the first is of other weights."""
    folder.mkdir()
    config = TrainConfig()
    tokenizer.save(folder / "tokenizer")
    shapes = {"model": to_json(TINY) | {"towers": CHECKPOINT_TOWERS}, "train": to_json(config)}
    write_json(folder / "config.json", shapes | {"towers": clip.config.to_dict(), "projection": "none"})
    for step in (1, 2):
        model = KnowledgeClip(clip, TINY, relations, "eager")
        save_checkpoint(folder, step, model, make_optimizer(model, config), keep=2)
        with torch.no_grad():
            clip.visual_projection.weight.mul_(1.5)
    with torch.no_grad():
        clip.visual_projection.weight.div_(1.5)
    (folder / "README.md").write_text("# both\n\nTrained on drawn cubes.\n")
    return folder


def odd_clip() -> CLIPModel:
    """Another activation, other epsilons, and widths whose ratios are no round numbers."""
    shape = {"num_hidden_layers": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-4}
    text = {"hidden_size": 49, "intermediate_size": 139, "num_attention_heads": 7, "max_position_embeddings": 20}
    config = CLIPConfig(
        vision_config={"hidden_size": 36, "intermediate_size": 100, "num_attention_heads": 3, **shape}
        | {"image_size": 24, "patch_size": 8},
        text_config={**text, **shape, "bos_token_id": 49406, "eos_token_id": 49407},
        projection_dim=10,
    )
    torch.manual_seed(5)
    return CLIPModel(config)


class Exported(NamedTuple):
    trained: TrainedModel
    folder: Path


@pytest.fixture(scope="module", params=["knowledge-clip", "odd"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "odd":
        run = run_of(folder / "run", odd_clip(), Tokenizer.of().cleaning())
    else:
        run = run_of(folder / "run", tiny_clip(3), Tokenizer.of(), ("IS_A",))
    assert main(["--run", str(run), "--out", str(folder / "there" / "clip")]) == 0
    return Exported(load_run(run), folder / "there" / "clip")


def picture(width: int = 40, height: int = 30) -> Image.Image:
    rng = np.random.default_rng(0)
    drawn = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return drawn.filter(ImageFilter.GaussianBlur(1))


def features(trained: TrainedModel, pixels: np.ndarray, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    towers = trained.model.towers
    tokens, lengths = trained.tokenizer.encode(texts, towers.context)
    with torch.no_grad():
        images = towers.image(torch.from_numpy(pixels.copy())[None]).pooled
        return images, towers.text(torch.from_numpy(tokens), torch.from_numpy(lengths)).pooled


def grey_levels(seen: Any) -> np.ndarray:
    """Pixels as numbers from 0 to 255 again."""
    mean = np.array([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = np.array([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    return (np.asarray(seen) * std + mean) * 255


def test_transformers_loads_it_with_the_same_outputs_tokens_and_pixels(exported: Exported) -> None:
    trained, folder = exported
    model = CLIPModel.from_pretrained(folder, local_files_only=True).train(False)
    for kind in (CLIPProcessor, AutoProcessor):
        processor = kind.from_pretrained(folder, local_files_only=True)
        inputs = processor(text=TEXTS, images=[picture()], padding=True, truncation=True, return_tensors="pt")
        tokens, lengths = trained.tokenizer.encode(TEXTS, trained.model.towers.context)
        for row, ours, length in zip(inputs["input_ids"].tolist(), tokens.tolist(), lengths, strict=True):
            assert row[:length] == ours[:length]
        ours = as_pixels(picture(), trained.model.towers.image_size)
        assert np.abs(grey_levels(inputs["pixel_values"][0]) - ours).max() <= 1.01
    with torch.no_grad():
        theirs = model(**{**inputs, "pixel_values": ((torch.from_numpy(ours.copy())[None] - mean255()) / std255())})
    images, texts = features(trained, ours, TEXTS)
    torch.testing.assert_close(theirs.image_embeds, unit(images), atol=1e-5, rtol=0)
    torch.testing.assert_close(theirs.text_embeds, unit(texts), atol=1e-5, rtol=0)
    scale = model.logit_scale.exp()
    torch.testing.assert_close(theirs.logits_per_image / scale, unit(images) @ unit(texts).T, atol=1e-5, rtol=0)


def test_open_clip_loads_it_with_the_same_outputs_tokens_and_pixels(exported: Exported) -> None:
    trained, folder = exported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what open_clip imports
        import open_clip

        name = f"local-dir:{folder}"
        model, _, preprocess = open_clip.create_model_and_transforms(name, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(name)
    tokens, lengths = trained.tokenizer.encode(TEXTS, trained.model.towers.context)
    theirs = tokenizer(TEXTS)
    for row, ours, length in zip(theirs.tolist(), tokens.tolist(), lengths, strict=True):
        assert row[:length] == ours[:length]
    side = trained.model.towers.image_size
    pixels = as_pixels(picture(side * 2, side * 3), side)
    assert np.abs(grey_levels(preprocess(picture(side * 2, side * 3))) - pixels).max() <= 1.01
    seen = (torch.from_numpy(pixels.copy())[None] - mean255()) / std255()
    images, texts = features(trained, pixels, TEXTS)
    with torch.no_grad():
        torch.testing.assert_close(model.eval().encode_image(seen), images, atol=1e-5, rtol=0)
        torch.testing.assert_close(model.encode_text(theirs), texts, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.logit_scale, trained.model.towers.clip.logit_scale)


def mean255() -> torch.Tensor:
    return torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1) * 255


def std255() -> torch.Tensor:
    return torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1) * 255


def unit(rows: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)


def test_the_card_says_how_to_load_it_and_how_it_was_trained(exported: Exported) -> None:
    told = (exported.folder / "README.md").read_text()
    for part in ("CLIPModel.from_pretrained", "local-dir:", "checkpoint step-2"):
        assert part in told
    assert "Trained on drawn cubes" in (exported.folder / "TRAINING.md").read_text()
    assert ("were cleaned" in told) == exported.trained.tokenizer.cleans


@pytest.mark.parametrize("exported", ["knowledge-clip"], indirect=True)
def test_a_checkpoint_can_be_chosen_and_it_can_start_another_run(exported: Exported, tmp_path: Path) -> None:
    run = exported.trained.directory
    (tmp_path / "out").mkdir()  # an empty one is as good as none
    assert main(["--run", str(run), "--out", str(tmp_path / "out"), "--checkpoint", "step-1"]) == 0
    first, best = (CLIPModel.from_pretrained(each) for each in (tmp_path / "out", exported.folder))
    torch.testing.assert_close(first.visual_projection.weight * 1.5, best.visual_projection.weight)
    fresh = Tokenizer.of(tmp_path / "out")
    assert fresh.ragged(TEXTS, 77)[0].tolist() == Tokenizer.of().ragged(TEXTS, 77)[0].tolist()


@pytest.mark.parametrize("exported", ["knowledge-clip"], indirect=True)
def test_what_cannot_be_exported_is_one_sentence_and_leaves_nothing(exported: Exported, tmp_path: Path) -> None:
    run = str(exported.trained.directory)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "notes.txt").write_text("mine")
    wrong: list[tuple[list[str], str]] = [
        (["--run", run, "--out", str(kept)], "holds something"),
        (["--run", run, "--out", str(kept / "notes.txt")], "holds something"),
        (["--run", run, "--out", str(kept / "notes.txt" / "below")], "cannot be written"),
        (["--run", str(kept), "--out", str(tmp_path / "new")], "is no run folder"),
        (["--run", run, "--out", str(tmp_path / "new"), "--checkpoint", "step-9"], "there are step-1, step-2"),
    ]
    for argv, sentence in wrong:
        with pytest.raises(KgError, match=sentence):
            main(argv)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "notes.txt"]


def test_a_clip_that_open_clip_cannot_express_is_exported_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tiny_clip()
    clip.text_model.config.hidden_act = "gelu"
    with pytest.raises(NoForm, match="gelu and quick_gelu"):
        open_clip_config(clip.config)
    run = run_of(tmp_path / "run", clip, Tokenizer.of())
    assert main(["--run", str(run), "--out", str(tmp_path / "out")]) == 0
    assert "left out" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("open_clip*"))
    assert CLIPTokenizer.from_pretrained(tmp_path / "out").model_max_length == 12
