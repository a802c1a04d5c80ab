"""Data sets that are damaged in every way: mutations of files, by a seed, that no disk or program would shrink from.

They are small, and promise no more than their formats can. No pickle is changed behind its checksum.
"""

import random
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

Random = random.Random
MOST_BYTES = 4096  # that a mutation adds to a file
WORDS = (*(b"", b"\0", b"\xff" * 8, b"\xc3\xa9", b"\n", b"\r\n"), *(b" ", b"-1", b"1e9", b"9" * 40, b"../"))
NUMBERS = (0, 1, 2**7, 2**15, 2**31 - 1, 2**32 - 1)


def flipped(seed: Random, content: bytes) -> bytes:
    place = seed.randrange(len(content) or 1)
    return content[:place] + bytes([content[place] ^ 1 << seed.randrange(8)]) + content[place + 1 :] if content else b""


def cut(seed: Random, content: bytes) -> bytes:
    return content[: seed.randrange(len(content) + 1)]


def without_a_part(seed: Random, content: bytes) -> bytes:
    place = seed.randrange(len(content) + 1)
    return content[:place] + content[place + seed.randrange(1, 64) :]


def with_a_word(seed: Random, content: bytes) -> bytes:
    place = seed.randrange(len(content) + 1)
    return content[:place] + seed.choice(WORDS) + content[place + seed.choice((0, 1, 4)) :]


def with_a_number(seed: Random, content: bytes) -> bytes:
    """As a length or a count in a header is: four bytes, of either order, mostly near the beginning or the end."""
    place = seed.choice((seed.randrange(64), len(content) - seed.randrange(64), seed.randrange(len(content) + 1)))
    place = max(0, min(place, len(content) - 4))
    return content[:place] + struct.pack(seed.choice("<>") + "I", seed.choice(NUMBERS)) + content[place + 4 :]


def repeated(seed: Random, content: bytes) -> bytes:
    place, size = seed.randrange(len(content) + 1), seed.randrange(1, MOST_BYTES)
    return content[: place + size] + content[place:]


def without_a_line(seed: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[seed.randrange(len(lines) or 1) : seed.randrange(len(lines) + 1)]
    return b"".join(lines)


def with_another_field(seed: Random, content: bytes) -> bytes:
    """As in a list of a person's: one word of a line is another, is missing or is there twice."""
    lines = content.split(b"\n")
    number = seed.randrange(len(lines))
    fields = lines[number].split(b" ")
    fields[seed.randrange(len(fields))] = seed.choice((*WORDS, *fields, b" ".join(fields[:2])))
    lines[number] = b" ".join(fields)
    return b"\n".join(lines)


CONTENTS: Sequence[Callable[[Random, bytes], bytes]] = (
    *(flipped, cut, without_a_part, with_a_word, with_a_number, repeated, without_a_line, with_another_field),
)


def mutate(seed: Random, folder: Path) -> None:
    """Changes one file under a folder, or several."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in seed.choices(files, k=seed.choice((1, 1, 1, 2, 4))):
        if path.is_file():
            _mutate_file(seed, path, others=files)


def _mutate_file(seed: Random, path: Path, *, others: Sequence[Path]) -> None:
    match seed.randrange(12):
        case 0:
            path.unlink()
        case 1:
            path.unlink()
            path.mkdir()
        case 2:
            other = seed.choice(others)
            if other.is_file() and other != path:
                shutil.copy(other, path)
        case 3:
            path.rename(path.with_name(path.name + seed.choice((".bak", "x", ".npz", ".zip"))))
        case _:
            path.write_bytes(seed.choice(CONTENTS)(seed, path.read_bytes()))
