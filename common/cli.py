"""The suite's command: ``gan-repro train | sample | evaluate | compare | estimate | pages``; or ``python -m common …``.

Each subcommand imports what it needs when it runs, so that ``train`` and ``sample`` work where only torch, numpy and
PyYAML are installed (and Pillow, for pictures).
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.terminal import expanded, say, start
from common.experiments.config import key_values, load_config
from common.experiments.papers import SCALES, Experiment, experiment, library, slug

# --fail-on -> the verdicts that fail
FAILING = {"worse": ["worse"], "not-comparable": ["worse", "not comparable"]}
PATHS = ("file", "samples", "output")  # arguments that are paths


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows the defaults that there are, and the example as it is typed."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: the subcommand's; 1 after a UserError, which is told in one message."""
    start()
    given = _parser().parse_args(arguments)
    try:
        for name in PATHS:
            if isinstance(path := getattr(given, name, None), str):
                setattr(given, name, expanded(path))
        return given.run(given)
    except UserError as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
            print(f"error: {error}\n", file=sys.stderr)
        return 1


# --- What is asked ---------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gan-repro", description="Reproduce experiments of generative modelling.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    configured = argparse.ArgumentParser(add_help=False)
    configured.add_argument("--scale", choices=SCALES, help="how much is spent (default: as the configuration says)")
    configured.add_argument(
        "--config", action="append", default=[], metavar="KEY=VALUE", help="a key of workflow/config.yaml (repeatable)"
    )

    def command(run: Callable[[argparse.Namespace], int], description: str, example: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            run.__name__,
            help=description,
            description=description,
            parents=[configured],
            formatter_class=_Help,
            epilog=f"example:\n  gan-repro {run.__name__} {example}",
        )
        added.set_defaults(run=run)
        return added

    one = next(one for paper in library().values() for one in paper.experiments.values() if one.own_arms)
    arm = slug(one.own_arms[0])

    add = command(
        train, "Train runs of an experiment, without Snakemake.", f"{one.name} --arm {arm} --scale gpu"
    ).add_argument
    add("experiment", help="an experiment's name")
    add("--arm", action="append", help="an arm's name or file name; all arms if left out (repeatable)")
    add("--seed", action="append", type=int, help="a seed; the scale's own if left out (repeatable)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting of the experiment (repeatable)")
    add("--set-aside", action="store_true", help="keep a training of something else under another name")

    described = "Draw samples from a finished run: images, videos, points, lines or outputs for test conditions."
    add = command(sample, described, f"{one.name} --arm {arm} --count 64 --output samples.png").add_argument
    add("experiment", help="an experiment's name")
    add("--arm", help="an arm's name or file name; the first one if left out")
    add("--seed", type=int, help="of the run; the scale's first if left out")
    add("--step", type=int, help="after how many updates; at the end of training if left out")
    add("--count", type=int, default=64, help="samples, or test conditions")
    add("--outputs", type=int, default=8, help="for each condition, of translations")
    add("--output", default="samples.png", help=".png: a grid; .webp: a grid that moves; .npz; .txt; else a folder")

    described = "Score samples as an experiment's own are scored; prints rows that compare takes."
    cell = f"--experiment {one.name} --model '{one.own_arms[0]}'"
    add = command(evaluate, described, f"my_images/ {cell} --scale gpu --output mine.csv").add_argument
    add("samples", help="images or videos in a folder or archive, or a .npz with x")
    _add_cell(add, required=True)
    add("--output", metavar="FILE.csv", help="where the rows are kept, too")

    described = "Hold numbers or samples against the reported numbers and claims."
    add = command(compare, described, "mine.csv --fail-on worse").add_argument
    add("file", nargs="?", help="CSV in the tidy schema (reproductions/<paper>/reported.csv shows it)")
    add("--samples", help="instead of a CSV: images or videos in a folder or archive, or a .npz with x, to be scored")
    _add_cell(add, required=False)
    add("--fail-on", choices=list(FAILING), help="exit with 2 where a verdict is worse (or not comparable)")
    add("--output", default="results/comparison", help="folder for the comparison")

    command(estimate, "Hours, memory, disk and downloads beforehand, and what it took.", "--scale paper")
    command(pages, "Pages for a browser, one a paper, of the results that are there.", "--scale quick")
    return parser


def _add_cell(add: Callable[..., Any], required: bool) -> None:
    add("--experiment", required=required, help="of samples: as which experiment's they are scored")
    add("--model", required=required, help="of samples: which of the paper's models they are held against")
    add("--condition", help="of samples: which of that model's conditions, where there are several")


def _config(given: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """The configuration with what the command line says."""
    scale = {"scale": given.scale} if given.scale else {}
    return load_config({**key_values(given.config), **scale, **more})


def _arms(chosen: Experiment, names: Iterable[str]) -> list[str]:
    """Arms by their names or, where a terminal cannot type these, by their file names."""
    known = {slug(arm): arm for arm in chosen.arms} | {arm: arm for arm in chosen.arms}
    for name in names:
        if name not in known:
            raise UserError(f"{chosen.name} has no arm {name!r}; it has {', '.join(chosen.arms)}")
    return [known[name] for name in names]


# --- What is done ----------------------------------------------------------------------------------------------------


def train(given: argparse.Namespace) -> int:
    from common.base.files import require_writable
    from common.experiments.validation import check_declarations
    from common.training.children import end_with_the_job
    from common.training.runs import train_run

    end_with_the_job()
    more: dict[str, Any] = {"seeds": given.seed} if given.seed else {}
    if given.set:
        more["settings"] = {given.experiment: key_values(given.set)}
    config = _config(given, **more)
    check_declarations(config)
    for setting in ("runs", "data"):
        require_writable(config[setting], setting)
    chosen = experiment(given.experiment)
    arms = _arms(chosen, given.arm) if given.arm else chosen.own_arms_at(config["scale"])
    for arm in arms:
        if given.set and arm not in chosen.own_arms:
            raise UserError(f"{arm} is trained by {chosen.training_of(arm).name}: --set belongs to that one")
    for arm in arms:
        origin = chosen.training_of(arm)
        if arm not in origin.arms_at(config["scale"]):
            raise UserError(
                f"{arm} of {origin.name} is not run at scale {config['scale']}: its at_scales say where it is"
            )
        for seed in (seed for name, seed in origin.runs(config["scale"], config) if name == arm):
            record = train_run(origin, arm, seed, config, keep_changed=given.set_aside)
            outcome, seconds = record["outcome"]["kind"], record["cost"]["seconds"]
            print(f"{origin.name} · {arm} · seed {seed}: {outcome}, {seconds} s")
    return 0


def sample(given: argparse.Namespace) -> int:
    from common.evaluation.drawing import draw, save

    config = _config(given)
    chosen = experiment(given.experiment)
    if not chosen.arms:
        raise UserError(f"{chosen.name} trains nothing that could be sampled")
    (arm,) = _arms(chosen, [given.arm or chosen.arms_at(config["scale"])[0]])
    origin = chosen.training_of(arm)
    seed = origin.seeds(config["scale"], config)[0] if given.seed is None else given.seed
    samples = draw(origin, arm, seed, config, given.count, step=given.step, outputs=given.outputs)
    save(samples, given.output)
    print(f"{origin.name} · {arm} · seed {seed}: {samples} in {given.output}")
    return 0


def evaluate(given: argparse.Namespace) -> int:
    from common.measurements.table import write_csv

    rows = _measured(given)
    if given.output:
        write_csv(rows, Path(given.output))
    say(rows.to_csv(index=False).rstrip("\n"))
    return 0


def compare(given: argparse.Namespace) -> int:
    """Exit status 2 where a verdict is one that ``--fail-on`` names."""
    from common.measurements.table import write_csv
    from common.reporting.compare import report, report_on

    output = Path(given.output)
    if given.samples:
        if not (given.experiment and given.model):
            raise UserError("--samples needs --experiment and --model, to know what they are held against")
        rows = _measured(given)
        write_csv(rows, output / "measured.csv")
        text, table = report_on(rows, Path(given.samples).name, output)
    elif given.file:
        text, table = report(given.file, output)
    else:
        raise UserError("name a CSV of numbers, or --samples")
    say(text)
    return 2 if table["verdict"].isin(FAILING.get(given.fail_on, [])).any() else 0


def _measured(given: argparse.Namespace) -> Any:
    """The measurements of samples: a table in the tidy schema."""
    from common.reporting.samples import measure_samples

    return measure_samples(given.samples, given.experiment, given.model, given.condition, _config(given))


def estimate(given: argparse.Namespace) -> int:
    from common.pipeline.cost.estimate import report

    say(report(_config(given)))
    return 0


def pages(given: argparse.Namespace) -> int:
    from common.reporting.pages import write_pages

    say(str(write_pages(_config(given))))
    return 0
