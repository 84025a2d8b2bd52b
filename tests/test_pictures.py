"""Pictures from the cache and live are the same; a killed build goes on; a crop shows a part of its picture."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from kgstore import Entity, Source, Triple, open_store
from kgstore.errors import BadImage
from kgstore.images import ImageRoots, open_picture
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.augment import cropped, random_crops
from model.picture_cache import CachedPictures, CacheFull, cached_pictures
from model.pictures import LivePictures, as_pixels, decoded, pixels_of
from model.track import Run
from model.train import main

SIDE = 8
RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)


def projected(folder: Path, images: Sequence[Sequence[str]], name: str = "graph") -> Projection:
    """Entity i has the i-th pictures, numbered in that order."""
    (folder / "pictures").mkdir(exist_ok=True)
    entities = [Entity(f"s:{i:06}", images=tuple(each), name=f"number {i}") for i, each in enumerate(images)]
    triples = [Triple(each.id, "NEXT", entities[i - 1].id) for i, each in enumerate(entities)]
    with open_store(folder / name) as store:
        store.write(entities, triples, source=Source("s", image_root=str(folder / "pictures")))
        return project(store, load_recipe("all"), folder / f"{name}-projection")


def draw(folder: Path, name: str, colour: tuple[int, int, int], size: tuple[int, int] = (12, 9)) -> None:
    (folder / "pictures").mkdir(exist_ok=True)
    Image.new("RGB", size, colour).save(folder / "pictures" / name)


def cache_of(folder: Path, projection: Projection) -> CachedPictures:
    return cached_pictures(projection, ImageRoots({"s": folder / "pictures"}), SIDE, folder / "cache")


def colours(pictures: CachedPictures | LivePictures) -> list[list[int] | None]:
    """The middle pixel of each picture, or None where it is broken."""
    pixels, good = pictures.take(np.arange(pictures.offsets[-1]))
    return [each[:, 4, 4].tolist() if fine else None for each, fine in zip(pixels, good, strict=True)]


def test_live_pictures_are_those_of_the_cache(tmp_path: Path) -> None:
    for number in range(30):
        noise = np.random.default_rng(number).integers(0, 256, (90, 70, 3), dtype=np.uint8)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{number}.jpg")
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"no picture")
    references = [[f"s/{i}.jpg", f"s/{i}.jpg#xywh=5,6,{20 + i},30", "s/broken.jpg"] for i in range(30)]
    projection = projected(tmp_path, references)
    for region in ("crop", "place"):
        roots = ImageRoots({"s": tmp_path / "pictures"})
        cached = cached_pictures(projection, roots, SIDE, tmp_path / "cache", region=region)
        live = LivePictures(projection, roots, SIDE, region)
        everything = np.random.default_rng(0).permutation(live.offsets[-1])
        (pixels, good), (live_pixels, live_good) = cached.take(everything), live.take(everything)
        assert (cached.offsets == live.offsets).all()
        assert good.sum() == 60
        assert (good == live_good).all()
        assert (pixels[good] == live_pixels[good]).all()
        assert live.failed == cached.failed
        assert "cannot be decoded" in live.failed["s/broken.jpg"]


def test_regions_that_share_a_picture_are_what_each_is_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    (tmp_path / "a.png").parent.mkdir(exist_ok=True)
    Image.fromarray(noise).save(tmp_path / "a.png")
    roots = ImageRoots({"s": tmp_path})
    good = ["s/a.png", "s/a.png#xywh=1,2,30,20", "s/a.png#xywh=0,0,9,9"]
    references = [*good[:2], "s/a.png#xywh=900,0,5,5", good[2], "s/a.png#xywh=x", "s/gone.png#xywh=1,1,2,2"]
    answers = list(decoded(roots, references, SIDE))
    shown = [each for each in answers if not isinstance(each, BadImage)]
    for reference, pixels in zip(good, shown, strict=True):
        assert (pixels == pixels_of(roots, reference, SIDE)).all()
    told = [str(each) for each in answers if isinstance(each, BadImage)]
    assert ["holds no pixel" in told[0], "is not #xywh" in told[1], "is not in" in told[2]] == [True] * 3


def test_draft_mode_is_near_a_whole_decoding(tmp_path: Path) -> None:
    scene = Image.new("RGB", (1200, 900), (90, 140, 200))
    brush = ImageDraw.Draw(scene)
    for i in range(60):
        corner = (i * 37 % 1100, i * 91 % 800)
        brush.ellipse((*corner, corner[0] + 150, corner[1] + 110), fill=(i * 4, 255 - i * 3, i * 29 % 256))
    scene.filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "scene.jpg", quality=90)
    roots = ImageRoots({"s": tmp_path})
    whole = as_pixels(open_picture(roots, "s/scene.jpg"), 64).astype(int)
    drafted = pixels_of(roots, "s/scene.jpg", 64).astype(int)
    assert 0 < np.abs(whole - drafted).mean() < 2


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", RED, (200, 200))
    wanted = 30_000
    projection = projected(tmp_path, [[f"s/a.png#xywh=0,0,{i % 150 + 1},{i // 150 + 1}"] for i in range(wanted)])
    code = (
        "from kgstore.images import ImageRoots; from kgstore.projection import open_projection;"
        "from model.picture_cache import cached_pictures;"
        f"cached_pictures(open_projection({str(projection.directory)!r}), "
        f"ImageRoots({{'s': {str(tmp_path / 'pictures')!r}}}), {SIDE}, {str(tmp_path / 'cache')!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while not (done := marked(tmp_path)) and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = marked(tmp_path)
    assert 0 < done < wanted
    draw(tmp_path, "a.png", GREEN, (200, 200))
    shown = colours(cache_of(tmp_path, projection))
    assert shown.count(list(RED)) >= done
    assert shown.count(list(RED)) + shown.count(list(GREEN)) == wanted
    assert shown.count(list(GREEN)) > 0
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [""]


def marked(folder: Path) -> int:
    """How many pictures a build has marked as done."""
    for path in (folder / "cache").glob("pictures-*.part/done.npy"):
        return int(np.load(path).sum())
    return 0


def test_two_builds_at_once_make_one_cache(tmp_path: Path) -> None:
    for number in range(100):
        draw(tmp_path, f"{number}.png", (number, 0, 0))
    projection = projected(tmp_path, [[f"s/{number}.png"] for number in range(100)])
    answers: list[list[list[int] | None]] = []
    threads = [threading.Thread(target=lambda: answers.append(colours(cache_of(tmp_path, projection)))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[[number, 0, 0] for number in range(100)]] * 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_another_cache_holds_is_not_decoded_again(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", RED)
    (tmp_path / "pictures" / "b.png").write_bytes(b"not yet a picture")
    before = projected(tmp_path, [["s/a.png"], ["s/b.png"]])
    assert colours(cache_of(tmp_path, before)) == [list(RED), None]
    draw(tmp_path, "b.png", BLUE)
    draw(tmp_path, "c.png", GREEN)
    (tmp_path / "pictures" / "a.png").unlink()  # so that it could not be decoded again
    after = projected(tmp_path, [["s/c.png"], ["s/a.png", "s/b.png"]], "grown")
    assert colours(cache_of(tmp_path, after)) == [list(GREEN), list(RED), list(BLUE)]


def test_a_picture_of_another_folder_is_decoded_anew(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", RED)
    projection = projected(tmp_path, [["s/a.png"], []])
    cache_of(tmp_path, projection)
    draw(tmp_path / "pictures", "a.png", BLUE)
    moved = ImageRoots({"s": tmp_path / "pictures" / "pictures", "unused": tmp_path})
    assert colours(cached_pictures(projection, moved, SIDE, tmp_path / "cache")) == [list(BLUE)]


def test_a_cache_that_does_not_fit_on_the_disk_is_one_sentence(tmp_path: Path) -> None:
    projection = projected(tmp_path, [[f"s/{number}.png"] for number in range(100)])
    with pytest.raises(CacheFull, match=r"100 pictures need .*No space left.*Make room, or .*--pictures live"):
        cached_pictures(projection, ImageRoots({"s": tmp_path}), 200_000, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_live_pictures_of_a_folder_that_is_gone_are_one_sentence(tmp_path: Path) -> None:
    projection = projected(tmp_path, [["s/a.png"], ["s/b.png"]])
    with pytest.raises(BadImage, match=r"None of 2 pictures that were tried can be opened.*--images s=DIR"):
        LivePictures(projection, ImageRoots({"s": tmp_path}), SIDE)


def test_a_broken_picture_in_a_live_run_is_counted_and_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path, "a.png", RED)
    (tmp_path / "pictures" / "b.png").write_bytes(b"no picture")
    projected(tmp_path, [["s/a.png"], ["s/b.png"], ["s/b.png", "s/a.png"]])
    call = ["--store", str(tmp_path / "graph"), "--runs", str(tmp_path / "runs"), "--name", "live", "--threads", "1"]
    flags = ("--pictures", "live", "--workers", "2", "--augment", "0.8")
    assert main([*call, *flags, "--steps", "4", "--batch-size", "3", "--warmup", "1"]) == 0
    rows = Run(tmp_path / "runs" / "live").metrics().rows
    assert [row["broken_pictures"] for row in rows][-1] == 1
    assert "1 pictures could not be opened while training" in (told := capsys.readouterr().err)
    assert "s/b.png" in told


def test_a_crop_shows_its_part_of_the_picture() -> None:
    pixels = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    pixels[:, 0, :, :8] = 200  # the left half is red,
    pixels[:, 1, 8:] = 100  # the lower half green
    shown = cropped(pixels, torch.tensor([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]))
    assert torch.equal(shown[0], pixels[0])
    for crop, colour in ((shown[1], [200, 0, 0]), (shown[2], [0, 100, 0])):
        assert (crop[:, 2:-2, 2:-2] == torch.tensor(colour)[:, None, None]).all()
    assert cropped(pixels[:0], torch.zeros(0, 4)).shape == (0, 3, 16, 16)


def test_random_crops_lie_in_the_picture_and_hold_what_they_must() -> None:
    entities = np.arange(2000)
    left, top, width, height = random_crops(1, 2, entities, 0.5).T
    assert min(left.min(), top.min(), width.min(), height.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
    area = width * height
    assert 0.36 < area.min() < 0.55  # a long crop of much of the picture is cut at its edge
    assert area.max() > 0.95
    assert np.unique(np.round(left, 6)).size > 1000
    assert (random_crops(1, 2, entities[5:9], 0.5) == random_crops(1, 2, entities, 0.5)[5:9]).all()
    assert (random_crops(1, 3, entities, 0.5) != random_crops(1, 2, entities, 0.5)).any()
