"""Pictures with captions: Flickr8k and Flickr30k, COCO captions, Conceptual Captions, WebDataset shards.

Source: Flickr8k/30k (Hodosh et al. 2013, Young et al. 2014), COCO Captions (Chen et al. 2015), Conceptual Captions
(Sharma et al. 2018), or what img2dataset fetched. Licence: Flickr for non-commercial research, pictures with their
photographers; COCO annotations CC BY 4.0, pictures under Flickr's terms; Conceptual Captions may be used for any
purpose, its pictures belong to their sites.
To get it: from their authors' sites; keep the folders as they unpack. `--path` is that folder, or the file in it.

  Flickr      `NAME.jpg#k TAB caption`, or a table with the first line `image,caption` or
              `image_name| comment_number| comment`; split lists (..trainImages.txt, ..devImages.txt, ..testImages.txt)
              beside it say what is train, valid and test: a picture in none of them is left out. Pictures in images/
  COCO        annotations/captions_train2017.json with pictures in train2017/, and so on; the name gives the split
  CC3M        a .tsv of `caption TAB url` with the pictures that were downloaded in a folder named as the file, or
              training/, validation/, images/; a picture is found by the row's number from 0, by that and the url's
              CRC-32 (12_3735928559), or by the url's MD5, SHA-1 or SHA-256; the file's name gives the split
  WebDataset  .tar shards, in which KEY.jpg, KEY.txt and perhaps KEY.json are a sample; the path's words give the split.
              Pictures stay in the shard: a reference is `SOURCE/SHARD.tar@BYTE/KEY.jpg`

Entities   image `SOURCE:image/..` and caption `SOURCE:caption/..` with the words as its text
Relations  image IMAGE_OF caption, caption CAPTION_OF image

A picture that is missing (a dead link), a web page, or whose header does not read, is left out with its captions.
The image root is the folder above the pictures' folder: references begin `SOURCE/train2017/..` or `SOURCE/images/..`;
of shards it is the folder --path.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ingest.captioned import SPLIT_WORDS, Asked
from ingest.cc3m import cc3m_files, read_cc3m
from ingest.coco_captions import coco_files, read_coco
from ingest.flickr_captions import read_flickr, token_file
from ingest.records import BadSource, DataSet
from ingest.webdataset_shards import read_shards, shard_files
from kgstore.values import SPLITS

HELP = "pictures with captions: Flickr8k/30k, COCO captions JSON, Conceptual Captions TSV, WebDataset shards"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path", type=Path, required=True, metavar="P", help="the data set's folder, or its captions file"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="where the pictures are, if not in the usual place"
    )
    parser.add_argument(
        "--source", metavar="NAME", help="what to call it in the graph (flickr, coco, cc3m, webdataset)"
    )
    parser.add_argument("--only", metavar="SPLITS", default="", help="load only these, as train,valid")
    parser.add_argument("--split", choices=SPLITS, help="give everything this split, whatever the data set says")
    parser.add_argument(
        "--valid-part",
        type=float,
        default=0.0,
        metavar="P",
        help="hold out this part of the training pictures as valid, to choose by where the data set's own valid "
        "pictures are to be the test; a picture's key decides, so they are the same ones each time (%(default)s)",
    )


def from_options(options: argparse.Namespace) -> DataSet:
    only = [word.strip() for word in options.only.split(",") if word.strip()]
    if unknown := [word for word in only if word not in SPLIT_WORDS]:
        raise BadSource(f"--only takes a list of {', '.join(SPLITS)}; {unknown[0]!r} is none of them.")
    if not 0 <= options.valid_part < 1:
        raise BadSource(f"--valid-part is {options.valid_part} but must be 0 or more and below 1.")
    path, pictures = options.path, options.pictures
    if not path.exists():
        raise BadSource(f"{path} does not exist: give --path the data set's folder or its captions file.")

    def asked(name: str) -> Asked:
        splits = frozenset(SPLIT_WORDS[word] for word in only or SPLITS)
        return Asked(options.source or name, splits, options.split, options.valid_part)

    if annotations := coco_files(path):
        return read_coco(annotations, pictures, asked("coco"))
    if tables := cc3m_files(path):
        return read_cc3m(tables, pictures, asked("cc3m"))
    if shards := shard_files(path):
        return read_shards(shards, path if path.is_dir() else path.parent, asked("webdataset"))
    if tokens := token_file(path):
        return read_flickr(tokens, pictures, asked("flickr"))
    raise BadSource(
        f"{path} holds neither captions_*.json (COCO) nor a token file, captions.txt or results.csv (Flickr), no .tsv "
        "(Conceptual Captions) and no .tar (WebDataset): give --path the file."
    )
