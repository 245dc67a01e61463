"""The suite's configuration: ``workflow/config.yaml``, with ``--config key=value`` laid over it."""

import argparse
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from common.errors import UserError, did_you_mean

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "workflow" / "schemas"
CONFIG_FILE = ROOT / "workflow" / "config.yaml"


def read_yaml(path: str | Path) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.safe_load(file)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error


@cache
def _schema(name: str) -> dict:
    return read_yaml(SCHEMAS / f"{name}.schema.yaml")


def validate(content: Any, schema: str, where: str) -> None:
    """Check ``content`` against ``workflow/schemas/<schema>.schema.yaml``.

    Raises a :class:`UserError` that names ``where`` (a file), the path inside it, and a mend.
    """
    try:
        import jsonschema
    except ImportError:  # on a machine with little more than torch: the workflow's own environment has it
        return
    whole = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(  # to JSON 2.0 is an integer, to Python it is not
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=whole)(_schema(schema))
    error = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if error is None:
        return
    place = ".".join(map(str, error.absolute_path)) or "top level"
    message = error.message
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        unknown = next(key for key in error.instance if key not in known)
        message = f"unknown key {unknown!r}{did_you_mean(unknown, known)}"
    elif error.validator == "enum":
        message = f"{error.instance!r} is not allowed{did_you_mean(error.instance, error.validator_value)}"
    raise UserError(f"{where}, at {place}: {message}")


def load_config(overrides: Mapping[str, Any] | None = None, file: str | Path = CONFIG_FILE) -> dict[str, Any]:
    """The configuration file with ``overrides`` laid over it, validated."""
    read = read_yaml(file)
    if not isinstance(read, dict):
        raise UserError(f"{file} holds no keys and values")
    config = {**read, **(overrides or {})}
    check_config(config)
    return config


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
        return float(value) if "e" in value.lower() else _from_yaml(value)  # YAML takes 5e-5 for a word
    except ValueError:
        return _from_yaml(value)


def _from_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"the configuration: {text!r} is not valid YAML: {error}") from error


def check_config(config: Mapping[str, Any]) -> None:
    validate(dict(config), "config", "the configuration (workflow/config.yaml or --config)")
    for name, path in config["local"].items():
        if not _exists(path):
            raise UserError(
                f"the configuration, at local.{name}: {path} does not exist; "
                f"give the folder or file that holds {name}, or leave it out to download"
            )


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # a name too long; the home of nobody
        return False


def key_values(texts: list[str]) -> dict:
    """``["a=1", "b=[0, 1]"]`` -> ``{"a": 1, "b": [0, 1]}``; values are YAML."""
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"{text!r} is not of the form KEY=VALUE")
        found[key] = typed(_from_yaml(value))
    return found


def command_line(arguments: list[str] | None, program: str, description: str) -> dict[str, Any]:
    """The configuration that a command's ``--config KEY=VALUE`` options ask for."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description.splitlines()[0])
    parser.add_argument(
        "--config", action="append", default=[], metavar="KEY=VALUE", help="a key of workflow/config.yaml"
    )
    return load_config(key_values(parser.parse_args(arguments).config))
