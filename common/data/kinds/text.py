"""Text as equally long lines of character indices, the way WGAN-GP's language model reads it."""

import gzip
import tarfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np

from common.base.errors import UserError
from common.data.registry import Source

PAD, UNKNOWN = "`", "�"


def lines_of(source: Source) -> Iterator[str]:
    """The lines of a text file (.gz or not), of text files in a folder, or of the training part in a tar archive."""
    paths = list(source.files) or (
        sorted(file for file in source.other.rglob("*") if file.is_file()) if source.other.is_dir() else [source.other]
    )
    try:
        for path in paths:
            if ".tar" in path.name:
                with tarfile.open(path) as archive:
                    for member in archive:
                        if member.isfile() and "training" in member.name:
                            yield from (line.decode() for line in archive.extractfile(member))
            else:
                with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
                    yield from file
    except (OSError, EOFError, UnicodeDecodeError, tarfile.TarError) as error:
        raise UserError(f"{path} cannot be read as text: {error}") from error


def read_lines(source: Source, length: int, characters: int, count: int | None) -> tuple[np.ndarray, list[str]]:
    """Lines (n, length) int16 of character indices in a seeded random order, and the characters they stand for.

    A line is cut after ``length`` characters or padded with ``PAD``. The most frequent ``characters`` - 1 are kept,
    index 0 is for all others (language_helpers.py of the authors' code).
    """
    lines = [line.rstrip("\n")[:length].ljust(length, PAD) for line in islice(lines_of(source), count)]
    if not lines:
        raise UserError("the text holds no lines")
    counted: Counter[str] = Counter()
    for line in lines:
        counted.update(line)
    vocabulary = [UNKNOWN, *(character for character, _ in counted.most_common(characters - 1))]
    index = {character: number for number, character in enumerate(vocabulary)}
    array = np.array([[index.get(character, 0) for character in line] for line in lines], dtype=np.int16)
    return np.random.default_rng(0).permutation(array), vocabulary


def as_text(indices: np.ndarray, vocabulary: str) -> list[str]:
    """Lines of text from indices (n, length); ones beyond the vocabulary are UNKNOWN."""
    known = dict(enumerate(vocabulary))
    return ["".join(known.get(number, UNKNOWN) for number in line) for line in indices.tolist()]
