"""The suite's configuration: ``workflow/config.yaml``, with ``--config key=value`` laid over it."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from common.base.errors import UserError
from common.base.schema import ROOT, read_yaml, validate
from common.base.terminal import expanded

CONFIG_FILE = ROOT / "workflow" / "config.yaml"


def load_config(overrides: Mapping[str, Any] | None = None, file: str | Path = CONFIG_FILE) -> dict[str, Any]:
    """The configuration file with ``overrides`` laid over it, validated."""
    read = read_yaml(file)
    if not isinstance(read, dict):
        raise UserError(f"{file} holds no keys and values")
    config = {**read, **(overrides or {})}
    check_config(config)
    return config | expanded_folders(config)


def expanded_folders(config: Mapping[str, Any]) -> dict[str, str]:
    """The configuration's folders, and the file to compare, with ``~`` as the home that it stands for."""
    names = ("results", "runs", "data", "new")
    return {name: expanded(path) for name in names if isinstance(path := config.get(name), str)}


def typed(value: Any) -> Any:
    """Texts that are numbers, truth values or null in YAML as what they are.

    Snakemake reads ``--config seeds=[0,1]`` and nested values as texts.
    """
    if isinstance(value, Mapping):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        found = float(value) if "e" in value.lower() else _from_yaml(value)  # YAML takes 5e-5 for a word
    except ValueError:
        found = _from_yaml(value)
    return value if isinstance(found, str) else found  # a text that has been read once is not read again


def _from_yaml(text: str) -> Any:
    """A bare text is all of it: " #" begins no comment there, but stands in a path."""
    try:
        found = yaml.safe_load(text)
        return text.strip() if isinstance(found, str) and " #" in text and text.strip()[0] not in "'\"" else found
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"the configuration: {text!r} is not valid YAML: {error}") from error


def check_config(config: Mapping[str, Any]) -> None:
    validate(dict(config), "config", "the configuration (workflow/config.yaml or --config)")
    for name, path in config["local"].items():
        with suppress(OSError, RuntimeError, UserError):  # a name too long; the home of nobody
            if Path(expanded(path)).exists():
                continue
        mend = f"give the folder or file that holds {name}, or leave it out to download"
        raise UserError(f"the configuration, at local.{name}: {path} does not exist; {mend}")


def key_values(texts: list[str]) -> dict:
    """``["a=1", "b=[0, 1]"]`` -> ``{"a": 1, "b": [0, 1]}``; values are YAML."""
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"{text!r} is not of the form KEY=VALUE")
        found[key] = typed(_from_yaml(value))
    return found


def check_for_comments(*arguments: str) -> None:
    """Raise a UserError for a ``KEY=VALUE`` of which Snakemake would leave out what follows a blank and ``#``."""
    for text in arguments:
        key, sign, value = text.partition("=")
        with suppress(yaml.YAMLError, ValueError):
            if sign and " #" in value and "#" not in str(yaml.safe_load(value)):
                raise UserError(f"{text!r}: what follows a blank and # is a comment; quote it: {key}='\"{value}\"'")
