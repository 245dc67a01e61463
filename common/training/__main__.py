"""Train runs without Snakemake: ``python -m common.training EXPERIMENT [--arm A] [--seed K] [--scale S] [--set k=v]``.

Needs torch, numpy and PyYAML; nothing of the workflow.
"""

import argparse
import os
import sys

from common.base.errors import UserError
from common.base.files import require_writable
from common.experiments.config import key_values, load_config
from common.experiments.papers import SCALES, experiment
from common.experiments.validation import check_declarations
from common.training.children import end_with_the_job
from common.training.runs import train_run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m common.training", description=__doc__.splitlines()[0])
    parser.add_argument("experiment")
    parser.add_argument("--arm", action="append", help="an arm's name; all arms if left out (repeatable)")
    parser.add_argument("--seed", action="append", type=int, help="a seed; the scale's own if left out (repeatable)")
    parser.add_argument("--scale", choices=SCALES)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting of the experiment")
    parser.add_argument(
        "--config", action="append", default=[], metavar="KEY=VALUE", help="a key of workflow/config.yaml"
    )
    parser.add_argument("--set-aside", action="store_true", help="keep a training of something else under another name")
    given = parser.parse_args(arguments)
    end_with_the_job()
    try:
        overrides = key_values(given.config)
        if given.scale:
            overrides["scale"] = given.scale
        if given.seed:
            overrides["seeds"] = given.seed
        if given.set:
            overrides["settings"] = {given.experiment: key_values(given.set)}
        config = load_config(overrides)
        check_declarations(config)
        for setting in ("runs", "data"):
            require_writable(config[setting], setting)
        chosen = experiment(given.experiment)
        arms = given.arm or chosen.own_arms
        for arm in arms:
            if arm not in chosen.arms:
                raise UserError(f"{chosen.name} has no arm {arm!r}; it has {', '.join(chosen.arms)}")
            if given.set and arm not in chosen.own_arms:
                raise UserError(f"{arm} is trained by {chosen.training_of(arm).name}: --set belongs to that one")
        for arm in arms:
            origin = chosen.training_of(arm)
            for seed in (seed for of, seed in origin.runs(config["scale"], config) if of == arm):
                record = train_run(origin, arm, seed, config, keep_changed=given.set_aside)
                print(
                    f"{origin.name} · {arm} · seed {seed}: {record['outcome']['kind']}, {record['cost']['seconds']} s"
                )
    except UserError as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
            print(f"error: {error}\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
