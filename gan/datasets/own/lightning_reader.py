"""This module reads an LMDB for `lightning`, in a process of its own.

LMDB reads a file as it lies in memory and trusts what stands in it: a page that points beyond the end ends the process
by SIGBUS, which no Python code can catch. It imports nothing of gan, so that it starts in a twentieth of a second.

For each key that it gets it answers with the value's length and the value; with the length alone where that is more
than the largest one asked for, and with -1 where there is no such key. An empty key asks for all keys, and an empty one
ends them. Lengths are little-endian, of 2 bytes for keys and 8 for values.
"""

import sys
from pathlib import Path
from typing import BinaryIO

import lmdb

DAMAGED = 3  # exit code, with the reason on stderr


def main(path: Path, most: int) -> None:
    """Open the LMDB and answer until nothing more is asked."""
    is_folder = path.is_dir()
    with lmdb.open(
        str(path), subdir=is_folder, readonly=True, lock=False, readahead=False, create=False
    ) as environment:
        size = (path / "data.mdb" if is_folder else path).stat().st_size
        whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if size < whole:
            raise lmdb.CorruptedError(f"{size:,} bytes of {whole:,}")
        with environment.begin(buffers=True) as transaction:
            _answer(transaction, sys.stdin.buffer, answers=sys.stdout.buffer, most=most)


def _answer(transaction: lmdb.Transaction, asked: BinaryIO, *, answers: BinaryIO, most: int) -> None:
    while length := asked.read(2):
        key = asked.read(int.from_bytes(length, "little"))
        if not key:
            for found in transaction.cursor().iternext(keys=True, values=False):
                answers.write(len(found).to_bytes(2, "little") + found)
            answers.write(bytes(2))
        else:
            value = transaction.get(key)
            answers.write((-1 if value is None else len(value)).to_bytes(8, "little", signed=True))
            if value is not None and len(value) <= most:
                answers.write(value)
        answers.flush()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except lmdb.Error as error:
        print(error, file=sys.stderr)
        sys.exit(DAMAGED)
