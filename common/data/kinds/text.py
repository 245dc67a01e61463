"""Text as equally long lines of character indices (n, length) int16, as language models of characters read it.

A character is a byte of UTF-8, as it is to the code that such models come from (Python 2's strings): no alphabet has
more than 256, and an accented letter is two. :func:`as_text` puts them together again.
"""

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.archives import unpacked
from common.data.arrays import save
from common.data.kinds import Kind, Part
from common.data.registry import Source, entry
from common.data.walk import TARS, File, Form, Passed, split_of, walk

DESCRIBES = re.compile(r"(readme|licen[cs]e|copying)\b", re.IGNORECASE)
PAD, UNKNOWN = "`", "�"


class Text(Kind):
    parts = (Part("{text_length}x{characters}bytes"), Part("first{data_count}"))
    forms = {"text": Form("a text in UTF-8, whatever its name", (".txt", ".gz")), "texts": Form("several of them")}

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> dict[str, Any]:
        lines = lines_of(source, entry(settings["data"]).get("inside", ""), passed)
        array, vocabulary = indexed(lines, settings["text_length"], settings["characters"], settings.get("data_count"))
        save(folder / "samples.npy", array)
        return {"vocabulary": vocabulary}

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        return (settings["text_length"],)


KIND = Text()


def lines_of(source: Source, inside: str, passed: Passed) -> Iterator[str]:
    """The lines of a text file (.gz or not), or of the text files in a folder or archive: of the training part, where
    folders or names tell of several (ptb.train.txt).

    ``inside``: of a folder or archive only what lies in a folder of this name, where anything does.
    """
    for path in source.files or (source.path,):
        if path.is_dir() or path.name.lower().endswith((".zip", *TARS)):
            for file in _training_part(walk(unpacked(path), (), passed, inside), path, passed):
                yield from _lines(io.BytesIO(file.read()), file.place)
        else:
            with open(path, "rb") as content:
                yield from _lines(content, str(path))


def _training_part(files: list[File], path: Path, passed: Passed) -> list[File]:
    """Without what describes the texts and, where there are several splits, what is not of the training one."""

    def split(file: File) -> str:
        *folders, name = file.name.split("/")
        return next(filter(None, map(split_of, (*folders, *re.split("[._-]", name)))), "")

    def chosen(keep: Callable[[File], bool], why: str) -> list[File]:
        for file in files:
            if not keep(file):
                passed.add(why, file.name)
        return list(filter(keep, files))

    files = chosen(lambda file: not DESCRIBES.match(PurePosixPath(file.name).name), "beside the texts")
    splits = set(map(split, files)) - {""}
    if len(splits) < 2:
        return files
    if "train" not in splits:
        raise UserError(
            f"{path} has no training part: {', '.join(file.name for file in files[:9])}; give one text alone"
        )
    return chosen(lambda file: split(file) == "train", "not of the training part")


def _lines(content: Any, place: str) -> Iterator[str]:
    try:
        plain = content
        if place.lower().endswith(".gz"):
            if not content.read(1):  # which gzip takes for a text without lines
                raise EOFError("it is empty")
            content.seek(0)
            plain = gzip.GzipFile(fileobj=content)
        yield from io.TextIOWrapper(plain, encoding="utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise UserError(f"{place} cannot be read as text: {first_line(error)}; it must be UTF-8") from error


def indexed(lines: Iterator[str], length: int, characters: int, count: int | None) -> tuple[np.ndarray, str]:
    """The first ``count`` lines as character indices (n, length) int16 in a seeded random order, and the characters
    that they stand for, each byte as the Latin-1 letter of its number.

    A line is cut after ``length`` characters or padded with ``PAD``. The most frequent ``characters`` - 1 are kept,
    index 0 is for all others (language_helpers.py of improved_wgan_training).
    """
    of_bytes = (line.rstrip("\n").encode().decode("latin-1") for line in islice(lines, count))
    cut = [line[:length].ljust(length, PAD) for line in of_bytes]
    if not cut:
        raise UserError("the text holds no lines")
    counted = Counter(chain.from_iterable(cut))
    vocabulary = "".join([UNKNOWN, *(character for character, _ in counted.most_common(characters - 1))])
    index = {character: number for number, character in enumerate(vocabulary)}
    array = np.array([[index.get(character, 0) for character in line] for line in cut], dtype=np.int16)
    return np.random.default_rng(0).permutation(array), vocabulary


def as_text(indices: np.ndarray, vocabulary: str) -> list[str]:
    """Lines of text from indices (n, length); ones beyond the vocabulary, and bytes that are no UTF-8, are UNKNOWN."""
    known = dict(enumerate(vocabulary))
    lines = ("".join(known.get(number, UNKNOWN) for number in line) for line in indices.tolist())
    parts = (line.split(UNKNOWN) for line in lines)
    return [UNKNOWN.join(part.encode("latin-1", "replace").decode(errors="replace") for part in line) for line in parts]
