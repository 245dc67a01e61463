"""Kinds of data: what the suite must know of each to prepare, open and show it. One module and class a kind.

A data set's entry in the registry names its kind. Kinds are found by name and imported when they are used: a kind's
module imports only what it needs, so that an edit makes stale what it can change and nothing else.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from common.base.errors import UserError
from common.data.registry import Source, entry
from common.data.walk import File, Form, Passed, image_files

if TYPE_CHECKING:  # torch, which the workflow and the preparation do without
    import torch

    from common.data.batches import Batches


class Part(NamedTuple):
    """What settings add to the name of a prepared folder: ``text`` with their values; nothing where they are
    ``unless`` or None.
    """

    text: str
    unless: Any = None

    @property
    def keys(self) -> list[str]:
        return [field for _, field, _, _ in Formatter().parse(self.text) if field]


PART_OF_THE_SET = (Part("{split}", "train"), Part("from{data_from}", 0), Part("first{data_count}"))


class Kind:
    """``parts``: the settings that prepared arrays depend on, as they stand in the folder's name; preparing sees no
    other, so that different arrays never share a folder.

    ``forms``: those that a local copy may have, by name; a reader of a form of its own has ``FORMS``.
    ``view_keys``: settings that say how prepared arrays are shown. ``batch_class``: named, not imported, because
    preparing needs no torch and does not depend on it.
    """

    parts: ClassVar[tuple[Part, ...]] = PART_OF_THE_SET
    forms: ClassVar[Mapping[str, Form]] = {}
    view_keys: ClassVar[tuple[str, ...]] = ()
    batch_class: ClassVar[str] = "common.data.batches.Batches"

    @property
    def settings_keys(self) -> tuple[str, ...]:
        return ("data", *(key for part in self.parts for key in part.keys))

    def prepare(
        self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed
    ) -> dict[str, Any] | None:
        """Write ``samples.npy`` and whatever else belongs to it into ``folder``; what the card tells besides, if any
        thing.
        """
        raise NotImplementedError

    def open(self, folder: Path, samples: np.ndarray, settings: Mapping[str, Any] | None) -> Any:
        """What is trained on: the mapped array ``samples``, or something that reads it and is indexed alike."""
        return samples

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        """One sample's shape as a network sees it, from the settings alone; channels first."""
        return (settings["channels"], settings["image_size"], settings["image_size"])

    def batches(
        self, samples: Any, batch_size: int, seed: int, device: "torch.device", labels: np.ndarray | None = None
    ) -> "Batches":
        """Endless shuffled batches of what :meth:`open` gave."""
        return resolve_name(self.batch_class)(samples, batch_size, seed, device, labels)


def kind_module(settings: Mapping[str, Any]) -> str:
    """The dotted module of the kind of the settings' data. Raises a UserError where it is no data set."""
    registered = entry(settings["data"])
    if "kind" not in registered:
        raise UserError(f"{settings['data']} names weights of a network, no data set")
    return f"common.data.kinds.{registered['kind']}"


def kind_of(settings: Mapping[str, Any]) -> Kind:
    return importlib.import_module(kind_module(settings)).KIND


def reader_module(registered: Mapping[str, Any]) -> str | None:
    """The dotted module that reads a data set's files, where they have a form of their own.

    A name without dots is one of common/data/readers.
    """
    reader = registered.get("reader")
    return reader if reader is None or "." in reader else f"common.data.readers.{reader}"


def files_of(source: Source, passed: Passed) -> list[File]:
    """The images of all files of a source, or of its other form: photographs and maps may be packed apart."""
    return [file for path in source.files or (source.path,) for file in image_files(path, passed)]


def maker_of(name: str) -> Any:
    """What makes the data set ``name`` on the spot: its registered ``maker`` is a mapping by name."""
    return resolve_name(entry(name)["maker"])[name]


def preparing_modules(settings: Mapping[str, Any]) -> list[str]:
    """The modules whose code can change the prepared arrays, besides those that they import."""
    registered = entry(settings["data"])
    named = [reader_module(registered), registered.get("maker", "").rpartition(".")[0]]
    return ["common.data.prepare", kind_module(settings), *filter(None, named)]


def batch_module(settings: Mapping[str, Any]) -> str:
    """The module whose code can change the batches that a training sees."""
    return kind_of(settings).batch_class.rpartition(".")[0]


def data_settings(settings: Mapping[str, Any], *, views: bool = False) -> dict[str, Any]:
    """Those of ``settings`` that the prepared arrays depend on and, with ``views``, how they are shown."""
    kind = kind_of(settings)
    keys = (*kind.settings_keys, *(kind.view_keys if views else ()))
    return {key: settings[key] for key in keys if key in settings}
