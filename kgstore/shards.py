"""Pictures that stay in a tar file: `shards/00000.tar@1536/000000012.jpg`, the member whose header is at that byte.

The place makes a picture one seek away, without an index of millions of members; the name guards against a shard that
has changed since.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

_MEMBER = re.compile(r"(.+\.tar)@(\d{1,18})/(.+)\Z", re.DOTALL)


class Member(NamedTuple):
    """A file in an uncompressed tar file; `place` is the byte at which its header begins."""

    shard: str
    place: int
    name: str

    def __str__(self) -> str:
        return f"{self.shard}@{self.place}/{self.name}"


def member_of(path: str) -> Member | None:
    """The member that a path names; None for a path of a file of its own."""
    match = _MEMBER.match(path)
    return Member(match[1], int(match[2]), match[3]) if match else None


@contextmanager
def open_member(shard: Path, member: Member) -> Iterator[IO[bytes]]:
    """The bytes of a member. Raises OSError when it is not there."""
    with shard.open("rb") as file:
        file.seek(member.place)
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                found = archive.next()
                content = archive.extractfile(found) if found and found.name == member.name and found.isreg() else None
                if content is None:
                    raise OSError(f"{shard} holds something else at byte {member.place}; load it again")
                yield content
        except tarfile.TarError as error:
            raise OSError(f"{shard} cannot be read at byte {member.place} ({error}); load it again") from error
