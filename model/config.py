"""What a run is told: the network's shape and how it is trained. No torch, so that the app can read a run's settings.

Fields are flags: `lr_towers` is `--lr-towers`, its help is the flag's help, and a preset of the network brings the
defaults that fit it. Marks: [P] stated in the paper, [D] our default where the paper is silent.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar, get_origin, get_type_hints

from kgstore.errors import KgError

CHECKPOINT_TOWERS = "checkpoint"


class BadConfig(KgError, ValueError):
    """A setting that is unknown or has a value that cannot be."""


class TowerShape(NamedTuple):
    """The two encoders of a CLIP that is made from nothing; a CLIP from a checkpoint brings its own shape."""

    image_size: int
    patch: int
    image_width: int
    image_layers: int
    image_heads: int
    text_width: int
    text_layers: int
    text_heads: int
    context: int
    projection: int
    position_scale: float  # standard deviation of the first position embeddings of the patches
    text_scale: float = 0.02  # ... of the first embeddings of tokens, and of their places


#: The paper's CLIPs, and four small enough to be trained on a CPU while somebody waits: `small` for pictures of one
#: object, `scenes` for the drawn world's scenes, a cell of which is one of its patches (FINDINGS 1.7), `photos` for
#: photographs made small, `words` for graphs of names without pictures, which have more to remember than to read.
#: At CLIP's 0.02 the small one's position embeddings drown in its patches and it learns no places (FINDINGS 1.6).
#: So do words in what the first layer of the text encoder adds to them: at 0.5 `scenes` learns which of two things is
#: named first in two thirds of the steps.
TOWERS: dict[str, TowerShape] = {
    "small": TowerShape(32, 8, 96, 3, 4, 96, 3, 4, 32, 96, 0.5),
    "scenes": TowerShape(48, 16, 128, 4, 4, 128, 4, 4, 32, 128, 0.5, 0.5),
    "photos": TowerShape(64, 16, 128, 4, 4, 128, 3, 4, 32, 128, 0.5),
    "words": TowerShape(32, 8, 32, 1, 2, 96, 1, 4, 10, 96, 0.5, 0.2),
    "vit-b-32": TowerShape(224, 32, 768, 12, 12, 512, 12, 8, 77, 512, 0.02),
    "vit-l-14": TowerShape(224, 14, 1024, 24, 16, 768, 12, 12, 77, 768, 0.02),
}


#: The kinds of groups that a batch is composed of: of pictures with their captions, and of other triples.
GROUPS = (("pictures", "mentions", "classes"), ("head", "relation", "siblings"))


#: What a step's row of metrics holds of the losses: their weighted sum, and its terms.
LOSSES = ("loss", "e2e", "e2e_heads", "e2r", "g2e", "kd", "clip", "swap", "told", "regions")

#: Losses that only a CLIP's towers are needed for, and that another one is to be compared with.
BESIDE_CLIP = ("swap", "told", "regions")

#: Losses of the objective knowledge-clip.
OF_THE_GRAPH = ("e2e", "e2e_heads", "e2r", "g2e", "kd", "clip", *BESIDE_CLIP)

#: What is measured on held-out triples beside the losses, and the figures of each that can select a checkpoint.
MEASURED = {
    "retrieval": tuple(
        f"{space}/{side}_retrieval_r@{k}"
        for space in ("towers", "fused")
        for side in ("image", "text")
        for k in (1, 5, 10)
    ),
    "relations": ("top1", "top5", "macro_top1"),
    "tails": ("mrr", "mean_rank", "hits@1", "hits@3", "hits@10"),
}

#: What the learning rates do after their warm-up.
SCHEDULES = ("cosine", "constant", "stable")

#: The parts of a network that can be frozen.
FREEZABLE = ("image", "text", "towers", "new")


def setting(default: Any, help: str, choices: tuple[str, ...] = ()) -> Any:
    """A field of a configuration: its default, the help of its flag, and the values it may take."""
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True)
class ModelConfig:
    """The network's shape."""

    towers: str = setting(
        "small",
        "shape of the two encoders when they start from nothing; --init with a CLIP brings its own",
        (*TOWERS, CHECKPOINT_TOWERS),
    )
    fusion_layers: int = setting(4, "layers of the fusion encoder [P: 4]")
    fusion_width: int = setting(1024, "width of the fusion encoder [P: 1024]")
    fusion_heads: int = setting(16, "attention heads of the fusion encoder [D]")
    fusion_mlp: int = setting(
        4, "width of the fusion's hidden layers, in widths of the fusion: as in CLIP's encoders [D]"
    )
    drop_path: float = setting(0.1, "share of fusion residuals left out per sample while training [P: 0.1]")
    encoding_scale: float = setting(
        0.3, "standard deviation of the first element encodings; at 0.02 they drown in the tokens [D]"
    )
    role_scale: float = setting(
        0.0,
        "standard deviation, around 1, of the first factors by which a head's tokens and a tail's are multiplied, "
        "component by component, so that the fusion tells the two apart from the start; 0: encodings alone do [D]",
    )
    entity_vectors: str = setting(
        "none",
        "a vector of its own that each entity of the graph has, learnt as embeddings of graphs learn theirs: none [P]; "
        "beside what shows it, as one token more; or alone, for entities whose names say nothing [D]",
        ("none", "beside", "alone"),
    )
    vector_scale: float = setting(
        0.1,
        "standard deviation of the first vectors: from larger ones the fusion learns triples by heart before it has "
        "learnt what relations have in common [D]",
    )
    masked: str = setting(
        "drop",
        "a missing element's positions: left out of attention (faster), or zeros attended to [D]",
        ("drop", "zero"),
    )
    image_pool: int = setting(
        0, "average an image's patches to this many by this many tokens before the fusion; 0: all of them [P: all] [D]"
    )
    image_tokens: str = setting(
        "projected",
        "an image's tokens are taken after CLIP's last norm and its projection, where the pooled one is compared with "
        "texts, or before that projection (normed) [D]",
        ("projected", "normed"),
    )
    text_tokens: str = setting(
        "normed",
        "a text's tokens, and with them a relation's, are taken after CLIP's last norm, or after its projection too, "
        "which it has learnt for the end token alone [D]",
        ("normed", "projected"),
    )
    gnn_layers: int = setting(2, "layers of the graph network [D]")
    gnn_gate: str = setting(
        "dot",
        "the product of W R(h,-,t) and a neighbour (Eq. 12): of each pair of components, or one number, their dot "
        "product over the square root of the width, that scales the neighbour. By components R, which reads the tail, "
        "can tell which tail it is to be matched with, and G2E learns less [D]",
        ("elementwise", "dot"),
    )
    e2e_symmetric: bool = setting(
        True,
        "E2E in both directions; the paper has tails as anchors only, and what is asked is which tail a question has "
        "[D]",
    )
    self_negatives: bool = setting(
        False,
        "the head of a question is a false answer to it, in the direction that --e2e-symmetric adds: without it the "
        "likest thing to a question is often the thing that is asked about [D: SimKGC]",
    )
    mask_known: bool = setting(
        True, "what the graph knows to be true, or has the same words, is no negative in E2E and CLIP's loss [D]"
    )
    temperature: float = setting(0.07, "first temperature of the knowledge objectives, which is learnt [D: as CLIP's]")
    own_temperature: bool = setting(
        True,
        "the knowledge objectives have a temperature beside that of CLIP's loss and KD: a checkpoint's comes trained, "
        "and at its 0.01 a fusion of random weights learns nothing [D]",
    )
    least_temperature: float = setting(0.01, "temperatures are kept above this, as CLIP's is [D]")
    teacher_temperature: float = setting(
        0.0, "temperature of the teacher's similarities in KD, such as 0.05; 0: the one that it has learnt itself [D]"
    )
    attention: str = setting(
        "auto",
        "attention in torch's fused kernel, or written out; auto: written out on a CPU",
        ("auto", "sdpa", "eager"),
    )

    def __post_init__(self) -> None:
        _check_choices(self)
        _check(self.fusion_width % self.fusion_heads == 0, "fusion_heads", self, "must divide fusion_width")
        _check(0 <= self.drop_path < 1, "drop_path", self, "must lie in [0, 1)")
        _check(self.fusion_layers >= 1, "fusion_layers", self, "must be 1 or more")
        _check(self.gnn_layers >= 1, "gnn_layers", self, "must be 1 or more")
        _check(self.role_scale >= 0, "role_scale", self, "must be 0 or more")
        _check(self.vector_scale > 0, "vector_scale", self, "must be above 0")
        _check(self.image_pool >= 0, "image_pool", self, "must be 0 or more")
        _check(self.fusion_mlp >= 1, "fusion_mlp", self, "must be 1 or more")
        _check(self.least_temperature > 0, "least_temperature", self, "must be above 0")
        _check(self.temperature >= self.least_temperature, "temperature", self, "is below --least-temperature")
        _check(self.e2e_symmetric or not self.self_negatives, "self_negatives", self, "needs --e2e-symmetric")
        _check(self.teacher_temperature >= 0, "teacher_temperature", self, "must be 0 or more")


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained."""

    objective: str = setting(
        "knowledge-clip",
        "knowledge-clip: the weighted sum of the losses (Eq. 14); clip: the towers alone by CLIP's own loss (Eq. 1)",
        ("knowledge-clip", "clip"),
    )
    steps: int = setting(1000, "training steps")
    batch_size: int = setting(128, "triples a step, of all processes together")
    accumulate: int = setting(
        1,
        "passes in which a process goes through its part of a batch, for batches that do not fit at once: the losses "
        "are those of the whole batch all the same, for up to twice the time",
    )
    shares: dict[str, float] = field(
        default_factory=dict,
        metadata={
            "help": "part of a batch by relation type, such as IMAGE_OF=0.5; the rest is drawn evenly from the other "
            "triples, nothing said: evenly from all [D]",
            "choices": (),
        },
    )
    source_shares: dict[str, float] = field(
        default_factory=dict,
        metadata={
            "help": "part of a batch by source, such as conceptnet=0.3, of what that source asserts in relation types "
            "that --shares does not name; both together at most 1 [D]",
            "choices": (),
        },
    )
    compose: dict[str, float] = field(
        default_factory=dict,
        metadata={
            "help": "how much of a part comes in groups that the graph says are easily confused, by kind of group. Of "
            "the part of IMAGE_OF: pictures (two things of the same looks in another relation), mentions (captions "
            "that name the same two things, by ingest link --mentions), classes (different classes under one "
            "hypernym); of the others: head, relation (triples that share it), siblings (heads of one class); such as "
            "pictures=0.8 [D]",
            "choices": (),
        },
    )
    group_size: int = setting(3, "samples of a group of --compose, or as near to that as the graph has them [D]")
    fanout: tuple[int, ...] = setting(
        (4, 4), "incoming relations drawn per entity, hop by hop, for G2E, such as 4,4 [D]"
    )
    sampler: str = setting(
        "projection",
        "neighbourhoods are drawn from the projection, or live: asked of the graph as it stands, for one that changes "
        "while it is trained on; that is slower, and an embedded graph stays open to no other process meanwhile",
        ("projection", "live"),
    )
    by_weight: bool = setting(
        False, "draw relations with chances in proportion to their weights, instead of evenly [D]"
    )
    pictures: str = setting(
        "cache",
        "pictures are decoded once, into a cache beside the projections, or live, whenever they are shown, for data "
        "beyond the disk; the batches are the same, but that live meets broken pictures while it trains",
        ("cache", "live"),
    )
    augment: float = setting(
        0.0,
        "show a picture by a random crop of at least this part of its area, such as 0.9; 0: all of it [D]",
    )
    workers: int = setting(
        1, "threads that make batches ahead of the loop; 0: it makes them itself; the batches are the same"
    )
    clean_text: bool = setting(
        False,
        "texts are mended before they become tokens (damaged characters, HTML entities), as open_clip does; "
        "transformers does not, so neither do we unless told to [D]",
    )
    picture_share: float = setting(0.5, "how often an entity with pictures and texts is shown by a picture [D]")
    # Eq. 14 has all weights 1 and no CLIP loss. We add it: without it the pooled outputs drift from what retrieval
    # needs, and KD alone holds them less well (FINDINGS 1.3). The paper's form is --clip 0.
    e2e: float = setting(1.0, "weight of the triplet loss (Eq. 8) [P: 1]")
    e2e_heads: float = setting(
        0.0,
        "weight of the triplet loss asked for heads: which (-, r, t) leads to this head? A run with it ranks heads by "
        "that question [D]",
    )
    e2r: float = setting(1.0, "weight of the relation loss (Eq. 10) [P: 1]")
    g2e: float = setting(1.0, "weight of the graph loss (Eq. 13) [P: 1]")
    kd: float = setting(1.0, "weight of the distillation from the frozen first CLIP [P: 1]")
    clip: float = setting(1.0, "weight of CLIP's own loss (Eq. 1) on the batch's image-text pairs [P: 0] [D: 1]")
    swap: float = setting(
        0.0,
        "weight of CLIP's loss from pictures to captions with each caption's own words in another order as a negative: "
        "its two things exchanged around the words of a relation [D]",
    )
    told: float = setting(
        0.0, "weight of CLIP's loss between texts: a head with its relation's words, and the tail [D]"
    )
    regions: float = setting(
        0.0, "weight of CLIP's loss on pictures and the texts that are their tails but no captions [D]"
    )
    lr_towers: float = setting(1e-5, "learning rate of the two encoders [P: 1e-5]")
    lr_new: float = setting(1e-3, "learning rate of everything else [P: 1e-3]")
    lr_vectors: float = setting(1e-2, "learning rate of --entity-vectors [D]")
    warmup: int = setting(100, "steps of linear warm-up [D]")
    schedule: str = setting(
        "cosine",
        "what follows the warm-up: a cosine to zero [P]; a constant rate; or stable: constant, and falling to zero in "
        "the last fifth of the steps (warm-up, stable, decay), for what is learnt late and all at once",
        SCHEDULES,
    )
    weight_decay: float = setting(0.01, "weight decay of matrices; norms, biases and single vectors are spared [D]")
    clip_grad: float = setting(1.0, "longest gradient of a step; 0: any [D]")
    freeze: tuple[str, ...] = setting(
        (), f"parts that stay as they are, of {', '.join(FREEZABLE)}, such as image,text; new: all but the towers [D]"
    )
    ema: float = setting(
        0.0,
        "decay of the running average of the parameters, such as 0.999; it is what is measured and used of the run, "
        "training itself is not changed by it; 0: no average [D]",
    )
    precision: str = setting("fp32", "number format of the forward pass", ("fp32", "bf16"))
    compile: bool = setting(False, "compile the layers of the network (torch.compile), which takes minutes first")
    seed: int = setting(0, "seed of weights, batches and drop path")
    log_every: int = setting(10, "steps between two writings of the metrics (which hold every step)")
    save_every: int = setting(500, "steps between two checkpoints")
    keep: int = setting(2, "checkpoints kept, beside the best one")
    eval_every: int = setting(0, "steps between two measurements on the graph's valid split; 0: none")
    eval_samples: int = setting(
        512, "triples, and pictures with captions, that are measured each time; always the same ones"
    )
    select: str = setting(
        "loss",
        "what tells the best checkpoint when --eval-every measures: loss (the weighted sum of the losses on held-out "
        "batches), one of the losses, or a figure such as retrieval/towers/image_retrieval_r@1, relations/top1, "
        "tails/mrr, as metrics.jsonl calls it after valid/",
    )
    patience: int = setting(
        0, "end the run after so many measurements in a row that are not better than the best; 0: never"
    )
    report_to: str = setting(
        "none", "write the metrics for TensorBoard too, into the run folder", ("none", "tensorboard")
    )

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in ("steps", "batch_size", "accumulate", "log_every", "save_every", "keep", "eval_samples"):
            _check(getattr(self, name) >= 1, name, self, "must be 1 or more")
        for name in (
            "e2e",
            "e2e_heads",
            "e2r",
            "g2e",
            "kd",
            "clip",
            "swap",
            "told",
            "regions",
            "weight_decay",
            "clip_grad",
            "warmup",
            "lr_towers",
            "lr_new",
            "lr_vectors",
            "seed",
            "workers",
            "eval_every",
            "patience",
        ):
            _check(getattr(self, name) >= 0, name, self, "must be 0 or more")
        _check(0 <= self.picture_share <= 1, "picture_share", self, "must lie in [0, 1]")
        _check(0 <= self.ema < 1, "ema", self, "must lie in [0, 1)")
        _check(set(self.freeze) <= set(FREEZABLE), "freeze", self, f"must name parts of {', '.join(FREEZABLE)}")
        measured = ["loss", *self.weights]
        for part, figures in MEASURED.items():
            measured += [f"{part}/{name}" for name in figures if self.objective != "clip" or name.startswith("towers/")]
        _check(self.select in measured, "select", self, f"must be of {', '.join(measured)}")
        _check(not (self.patience and not self.eval_every), "patience", self, "needs --eval-every")
        _check(0 <= self.augment <= 1, "augment", self, "must lie in [0, 1]")
        for name in ("shares", "source_shares", "compose"):
            parts = getattr(self, name).values()
            _check(all(0 <= part <= 1 for part in parts), name, self, "must each lie in [0, 1]")
            _check(name == "compose" or sum(parts) <= 1 + 1e-9, name, self, "must sum to 1 or less")
        both = sum(self.shares.values()) + sum(self.source_shares.values())
        _check(both <= 1 + 1e-9, "source_shares", self, f"makes more than 1 together with --shares {self.shares}")
        known = [kind for kinds in GROUPS for kind in kinds]
        _check(self.compose.keys() <= set(known), "compose", self, f"must name kinds of groups: {', '.join(known)}")
        for kinds in GROUPS:
            of_part = sum(share for kind, share in self.compose.items() if kind in kinds)
            _check(of_part <= 1 + 1e-9, "compose", self, f"must sum to 1 or less over {', '.join(kinds)}")
        _check(self.group_size >= 2, "group_size", self, "must be 2 or more")
        _check(all(count >= 1 for count in self.fanout), "fanout", self, "must be numbers of 1 or more")
        _check(any(self.weights.values()), "e2e", self, "needs at least one weight above 0")

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each loss of this objective, those of 0 left out."""
        if self.objective == "clip":
            named = {"clip": 1.0, **{name: getattr(self, name) for name in BESIDE_CLIP}}
        else:
            named = {name: getattr(self, name) for name in OF_THE_GRAPH}
        return {name: weight for name, weight in named.items() if weight}


#: What the objective clip changes in the defaults: CLIP's own loss reads pairs alone, and no neighbourhoods.
CLIP_DEFAULTS: dict[str, Any] = {"shares": {"IMAGE_OF": 1.0}, "fanout": (), "batch_size": 64}

#: What towers that start from nothing change in the other defaults: they may move as fast as the rest, and pictures are
#: pooled to four tokens beside the class token, which costs them nothing.
_FROM_NOTHING: dict[str, Any] = {
    "fusion_layers": 2,
    "fusion_width": 96,
    "fusion_heads": 4,
    "image_pool": 2,
    "lr_towers": 1e-3,
    "warmup": 50,
    "fanout": (2, 2),  # a caption's neighbours are pictures, and at 4,4 they are half of a step
}

#: What a choice of towers changes in the other defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "small": _FROM_NOTHING,
    "scenes": {
        "fusion_layers": 2,
        "fusion_width": 128,
        "fusion_heads": 4,
        # At 1e-3 it knows nothing of places after 1,300 composed steps, at this rate after 750 which of two is left.
        "lr_towers": 3e-4,
        "warmup": 50,
        "fanout": (2, 2),
    },
    "words": _FROM_NOTHING,
    "photos": {**_FROM_NOTHING, "fusion_width": 128},
}

Config = TypeVar("Config", ModelConfig, TrainConfig)


def add_flags(parser: argparse.ArgumentParser, kind: type[ModelConfig] | type[TrainConfig]) -> None:
    """One flag a field. A flag that is not given leaves no attribute behind, so that a preset can decide."""
    group = parser.add_argument_group((kind.__doc__ or "").rstrip(".").lower())
    hints = get_type_hints(kind)
    for each in fields(kind):
        flag = "--" + each.name.replace("_", "-")
        default = each.default if each.default is not dataclasses.MISSING else None
        shown = f"{each.metadata['help']} (default: {_shown(default)}{_presets_of(each.name)})".replace("%", "%%")
        if hints[each.name] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=shown)
        else:
            group.add_argument(
                flag,
                type=READ_AS[hints[each.name]][0],
                choices=each.metadata["choices"] or None,
                metavar=None if each.metadata["choices"] else READ_AS[hints[each.name]][1],
                default=argparse.SUPPRESS,
                help=shown,
            )


def from_flags(kind: type[Config], args: argparse.Namespace, towers: str) -> Config:
    """The configuration of a call: what was given, else the preset of these towers, else the field's default."""
    names = {each.name for each in fields(kind)}
    preset = {name: value for name, value in PRESETS.get(towers, {}).items() if name in names}
    return kind(**{**preset, **given_flags(kind, args)})


def given_flags(kind: type[ModelConfig] | type[TrainConfig], args: argparse.Namespace) -> dict[str, Any]:
    """The settings that a call names."""
    return {each.name: getattr(args, each.name) for each in fields(kind) if hasattr(args, each.name)}


def from_json(kind: type[Config], values: Mapping[str, Any], where: str = "config.json") -> Config:
    """The configuration that `to_json` wrote. An unknown key is an error: it would be a setting that has no effect."""
    return kind(**checked(kind, values, where))


def checked(kind: type[ModelConfig] | type[TrainConfig], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Settings that a file names, each of its field's type. Raises BadConfig."""
    hints = get_type_hints(kind)
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            known = ", ".join(sorted(hints))
            raise BadConfig(f"{where}: {name!r} is no setting of {kind.__name__}; known are {known}.")
        wanted = get_origin(hints[name]) or hints[name]
        found[name] = tuple(value) if wanted is tuple and isinstance(value, list) else value
        allowed = (int, float) if wanted is float else wanted
        if not isinstance(found[name], allowed) or (isinstance(value, bool) and wanted is not bool):
            raise BadConfig(f"{where}: {name} is {value!r} but must be of type {wanted.__name__}.")
    return found


def to_json(config: ModelConfig | TrainConfig) -> dict[str, Any]:
    """A configuration as plain values."""
    return dataclasses.asdict(config)


def parse_shares(text: str) -> dict[str, float]:
    """IMAGE_OF=0.5,IS_A=0.1 as a mapping."""
    shares = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        try:
            shares[name.strip()] = float(number)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is not of the form NAME=SHARE, such as IMAGE_OF=0.5") from None
    return shares


def parse_words(text: str) -> tuple[str, ...]:
    """image,text as words."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def parse_numbers(text: str) -> tuple[int, ...]:
    """4,2 as numbers."""
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers, such as 4,2") from None


#: How a flag of each kind of value is read, and what its help calls the value.
READ_AS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "N"),
    float: (float, "X"),
    str: (str, "WORD"),
    dict[str, float]: (parse_shares, "NAME=X,..."),
    tuple[int, ...]: (parse_numbers, "N,..."),
    tuple[str, ...]: (parse_words, "WORD,..."),
}


def _shown(value: Any) -> str:
    if value is None or value == () or value == {}:
        return "none"
    if isinstance(value, dict):
        value = tuple(f"{name}={share}" for name, share in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _presets_of(name: str) -> str:
    brought = {**PRESETS, "objective clip": CLIP_DEFAULTS}
    return "".join(f"; {preset}: {_shown(values[name])}" for preset, values in brought.items() if name in values)


def _check(holds: bool, name: str, config: object, rule: str) -> None:
    if not holds:
        flag = "--" + name.replace("_", "-")
        raise BadConfig(f"{flag} is {getattr(config, name)!r} but {rule}.")


def _check_choices(config: ModelConfig | TrainConfig) -> None:
    for each in fields(config):
        choices = each.metadata["choices"]
        named = ", ".join(choices)
        _check(not choices or getattr(config, each.name) in choices, each.name, config, f"must be one of {named}")
