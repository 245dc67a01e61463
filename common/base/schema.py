"""YAML files of the checkout, and the schemas that they must follow."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from common.base.errors import UserError, did_you_mean
from common.base.files import ROOT


class _Loader(yaml.SafeLoader):
    """Refuses a key that is said twice in one mapping, of which YAML would keep the last without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        said: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in said:
                    raise yaml.composer.ComposerError(None, None, f"{key.value!r} is there twice", key.start_mark)
                said.add(key.value)
        return node


def read_yaml(path: str | Path) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, _Loader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error


@cache
def read_schema(name: str) -> dict[str, Any]:
    """``workflow/schemas/<name>.schema.yaml``"""
    return read_yaml(ROOT / "workflow" / "schemas" / f"{name}.schema.yaml")


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
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=whole)(read_schema(schema))
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
    elif error.validator in ("oneOf", "anyOf") and "description" in error.schema:
        message = f"{error.instance!r} does not fit; give {error.schema['description']}"
    raise UserError(f"{where}, at {place}: {message}")
