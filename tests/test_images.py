"""Pictures by reference: regions, and what is refused."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgstore.errors import BadImage
from kgstore.images import GREY, ImageRoots, open_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    root.mkdir()
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[5:10, 8:20] = (200, 10, 30)
    Image.fromarray(pixels).save(root / "a.png")
    return root


@pytest.fixture
def roots(folder: Path) -> ImageRoots:
    return ImageRoots({"vg": folder})


def test_a_region_is_its_crop(roots: ImageRoots) -> None:
    crop = open_picture(roots, "vg/a.png#xywh=8,5,12,5")
    assert crop.size == (12, 5)
    assert np.asarray(crop).reshape(-1, 3).tolist() == [[200, 10, 30]] * 60


def test_a_region_in_place_stands_on_grey_where_it_stood(roots: ImageRoots) -> None:
    placed = np.asarray(open_picture(roots, "vg/a.png#xywh=8,5,12,5", region="place"))
    assert placed.shape == (20, 40, 3)
    assert (placed[5:10, 8:20] == (200, 10, 30)).all()
    placed = placed.copy()
    placed[5:10, 8:20] = GREY
    assert (placed == GREY).all()


def test_a_box_over_the_edge_is_cut_to_the_picture(roots: ImageRoots) -> None:
    assert open_picture(roots, "vg/a.png#xywh=-4,-4,10,10").size == (6, 6)
    assert open_picture(roots, "vg/a.png#xywh=30,10,100,100").size == (10, 10)


@pytest.mark.parametrize("fragment", ["#xywh=40,0,5,5", "#xywh=0,0,0,5", "#xywh=1,2,3", "#xywh=a,b,c,d", "#xywh="])
def test_a_region_without_pixels_is_refused(roots: ImageRoots, fragment: str) -> None:
    with pytest.raises(BadImage, match="region"):
        open_picture(roots, "vg/a.png" + fragment)


@pytest.mark.parametrize("path", ["../secret.png", "x/../../secret.png", "", ".", "..", "/etc/passwd", "a\0.png"])
def test_a_path_that_leaves_its_root_is_refused(roots: ImageRoots, folder: Path, path: str) -> None:
    Image.new("RGB", (4, 4)).save(folder.parent / "secret.png")
    with pytest.raises(BadImage):
        roots.resolve("vg/" + path)


def test_a_link_out_of_the_root_is_refused_and_one_inside_is_followed(roots: ImageRoots, folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder.parent / "secret.png")
    (folder / "out.png").symlink_to(folder.parent / "secret.png")
    (folder / "in.png").symlink_to(folder / "a.png")
    with pytest.raises(BadImage, match="outside"):
        open_picture(roots, "vg/out.png")
    assert open_picture(roots, "vg/in.png").size == (40, 20)


def test_a_pipe_is_no_picture(roots: ImageRoots, folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(BadImage, match="not in"):
        open_picture(roots, "vg/pipe.png")


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(roots: ImageRoots, folder: Path) -> None:
    (folder / "huge.png").write_bytes(_png_header(9_000, 3_000))
    (folder / "bomb.png").write_bytes(_png_header(60_000, 60_000))
    for name in ("huge.png", "bomb.png"):
        with pytest.raises(BadImage, match="limit"):
            open_picture(roots, f"vg/{name}")


def test_a_broken_picture_is_refused_with_its_name(roots: ImageRoots, folder: Path) -> None:
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:60])
    (folder / "text.jpg").write_text("<html>gone</html>")
    for name in ("cut.png", "text.jpg"):
        with pytest.raises(BadImage, match=name):
            open_picture(roots, f"vg/{name}")


def test_every_mode_becomes_rgb(roots: ImageRoots, folder: Path) -> None:
    Image.new("LA", (3, 3), (0, 0)).save(folder / "clear.png")
    Image.fromarray(np.full((3, 3), 65_535, np.uint16)).save(folder / "deep.png")
    Image.new("CMYK", (3, 3)).save(folder / "print.jpg")
    palette = Image.new("P", (3, 3), 0)
    palette.putpalette([255, 0, 0])
    palette.save(folder / "palette.png", transparency=b"\x00")
    for name in ("clear.png", "deep.png", "print.jpg", "palette.png"):
        picture = open_picture(roots, f"vg/{name}")
        assert picture.mode == "RGB"
        assert np.asarray(picture).min() > 250


def test_a_large_jpeg_is_decoded_small_when_asked(roots: ImageRoots, folder: Path) -> None:
    Image.new("RGB", (1600, 1200), (9, 90, 190)).save(folder / "large.jpg")
    assert open_picture(roots, "vg/large.jpg").size == (1600, 1200)
    small = open_picture(roots, "vg/large.jpg", at_least=100)
    assert 100 <= min(small.size) < 300


def test_flags_win_over_the_environment_and_that_over_what_was_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KG_IMAGES", os.pathsep.join(["a=/env/a", "b=/env/b"]))
    roots = ImageRoots({"a": "/was/a", "b": "/was/b", "c": "/was/c"}).replaced(["b=/flag/b"])
    assert roots.folders == {"a": Path("/env/a"), "b": Path("/flag/b"), "c": Path("/was/c")}


@pytest.mark.parametrize("pair", ["vg", "=dir", "vg="])
def test_a_picture_folder_that_is_not_a_pair_is_refused(pair: str) -> None:
    with pytest.raises(BadImage, match="SOURCE=DIR"):
        ImageRoots().replaced([pair])


def test_an_unknown_source_says_how_to_name_its_folder(roots: ImageRoots) -> None:
    with pytest.raises(BadImage, match="--images coco=DIR"):
        roots.resolve("coco/1.jpg")


def _png_header(width: int, height: int) -> bytes:
    """A PNG whose header promises that many pixels and whose data are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", bytes(16))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
