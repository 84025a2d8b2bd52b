"""Writes the towers of a run as a plain CLIP that other tools load.

    python -m model.export --run RUNS/NAME --out DIR [--checkpoint best]

    config.json  model.safetensors                          transformers' CLIPModel
    tokenizer.json  vocab.json  merges.txt  ...             its tokenizer
    processor_config.json  preprocessor_config.json         its image processor
    open_clip_config.json  open_clip_model.safetensors      the same for open_clip
    README.md  TRAINING.md                                  how to load it; the run's card

What is around the towers, the fusion and the graph network, is no CLIP and stays in the run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPProcessor

from kgstore.command import WrongCall, run_command
from model.checkpoint import TrainedModel, load_run
from model.open_clip_form import NoForm, open_clip_config, open_clip_tensors
from model.towers import MEAN, STD
from model.track import write_json

_CARD = """---
library_name: transformers
pipeline_tag: zero-shot-image-classification
tags: [clip, open_clip, knowledge-clip]
---
# {name}

The image and the text encoder of a {kind}: checkpoint {checkpoint} of the run {name}. Pictures of {side} by {side}
pixels and texts of up to {context} tokens become {width} numbers each.

```python
from transformers import CLIPModel, CLIPProcessor

model = CLIPModel.from_pretrained("FOLDER").eval()
processor = CLIPProcessor.from_pretrained("FOLDER")
inputs = processor(text=["a red cube"], images=[picture], padding=True, truncation=True, return_tensors="pt")
similarity = model(**inputs).logits_per_image
```

```python
import open_clip

model, _, preprocess = open_clip.create_model_and_transforms("local-dir:FOLDER")
tokenizer = open_clip.get_tokenizer("local-dir:FOLDER")
images = model.eval().encode_image(preprocess(picture)[None], normalize=True)
texts = model.encode_text(tokenizer(["a red cube"]), normalize=True)
```

{read}

TRAINING.md says what it was trained on and how, and what it was found to know.
"""

_CLEANED = """Its texts were cleaned as open_clip does it: damaged characters, HTML entities, white space. The tokenizer
of transformers does not, so that such texts read differently there."""

_AS_THEY_ARE = """Its texts were read as the tokenizer of transformers does it. That of open_clip cleans them first,
which changes damaged characters, HTML entities and typographic quotation marks, and no other text."""


def export(trained: TrainedModel, out: Path) -> None:
    """Writes the folder, whole or not at all. Raises WrongCall."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise WrongCall(f"--out {out} is there already and holds something; name a folder that is new or empty.")
    aside = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        write_transformers(trained, aside)
        write_open_clip(trained, aside)
        (aside / "README.md").write_text(card(trained), encoding="utf-8")
        if (trained.directory / "README.md").is_file():
            shutil.copyfile(trained.directory / "README.md", aside / "TRAINING.md")
        for path in aside.iterdir():
            path.chmod(0o644)  # tensors are written for their owner alone
        aside.replace(out)
    except OSError as error:
        raise WrongCall(f"--out {out} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_transformers(trained: TrainedModel, folder: Path) -> None:
    """What CLIPModel and CLIPProcessor load."""
    towers = trained.model.towers
    towers.clip.save_pretrained(folder)
    side = towers.image_size
    pictures = CLIPImageProcessor(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        image_mean=list(MEAN),
        image_std=list(STD),
    )
    tokenizer = trained.tokenizer.for_transformers(towers.context)
    untyped: Any = CLIPProcessor
    untyped(pictures, tokenizer).save_pretrained(folder)
    pictures.save_pretrained(folder)  # as versions before 5 want it
    tokenizer.backend_tokenizer.model.save(str(folder))  # vocab.json and merges.txt, as many other tools want them


def write_open_clip(trained: TrainedModel, folder: Path) -> None:
    """What open_clip loads from `local-dir:FOLDER`; a CLIP that it cannot express is left out and told."""
    clip = trained.model.towers.clip
    try:
        config = open_clip_config(clip.config, own_vocabulary=not trained.tokenizer.original)
    except NoForm as error:
        print(f"The files for open_clip are left out: {error}", file=sys.stderr)
        return
    write_json(folder / "open_clip_config.json", config)
    save_file(open_clip_tensors(clip), folder / "open_clip_model.safetensors", metadata={"format": "pt"})


def card(trained: TrainedModel) -> str:
    """README.md: how to load it, and what it takes."""
    towers = trained.model.towers
    return _CARD.format(
        name=trained.name,
        kind="Knowledge-CLIP" if trained.model.fused else "CLIP",
        checkpoint=trained.checkpoint,
        side=towers.image_size,
        context=towers.context,
        width=towers.image_width,
        read=_CLEANED if trained.tokenizer.cleans else _AS_THEY_ARE,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m model.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="the run, a folder of python -m model.train")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="WHICH",
        help="best, last or step-N; of a run with an average, that of it (default: best)",
    )
    args = parser.parse_args(argv)
    export(load_run(args.run, checkpoint=args.checkpoint), args.out)
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
