"""One experiment's result folder: tables, figures, verdicts, and a page that a reader can follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.base.files import read_arrays, write_text
from common.evaluation.protocol import difference
from common.experiments.papers import Deviation, Experiment, Paper
from common.measurements.table import per_seed_tables, read_measurements, write_csv
from common.reporting.claims import MARKS, Verdict, claims_of, judge, on_reported, verdict_rows
from common.reporting.tables import duration, markdown, number, result_table, shown, write_tables

# The deviations that a reader asks for first, and how many the head of a page tells.
FIRST, TOLD = ("data", "image_size", "steps", "generator_width", "batch_size"), 4


@dataclass(frozen=True)
class Results:
    """What was measured in one experiment, as figures and tables read it.

    ``per_seed``: the tidy schema with a seed column; ``curves``: model, seed, curve, step, value;
    ``sheets``: by name what :meth:`Measuring.sheet` was given: uint8 images (n, height, width,
    channels), videos (n, frames, ...), points (n, d) or a surface over a grid; ``runs``: cost and outcome of each run.
    """

    experiment: Experiment
    config: Mapping[str, Any]
    folder: Path
    reported: pd.DataFrame
    measured: pd.DataFrame
    per_seed: pd.DataFrame
    curves: pd.DataFrame
    runs: pd.DataFrame
    sheets: Mapping[str, np.ndarray]

    @property
    def scale(self) -> str:
        return self.config["scale"]

    def deviations(self) -> dict[str, list[Deviation]]:
        """By arm; under "" for an experiment without arms."""
        return self.experiment.deviations_by_arm(self.scale, self.config)


def reported_numbers(paper: Paper) -> pd.DataFrame:
    return read_measurements(paper.folder / "reported.csv")


def load_results(
    paper: Paper, experiment: Experiment, config: Mapping[str, Any], folder: Path, sheets: Path
) -> Results:
    reported = reported_numbers(paper)
    images = read_arrays(sheets)
    return Results(
        experiment,
        config,
        folder,
        reported[reported["source"].isin(experiment.reported_sources)].reset_index(drop=True),
        read_measurements(folder / "measured.csv"),
        pd.read_csv(folder / "per_seed.csv", keep_default_na=False, na_values={"value": [""], "spread": [""]}),
        pd.read_csv(folder / "curves.csv"),
        read_runs(folder / "runs.csv"),
        images,
    )


def read_runs(path: Path) -> pd.DataFrame:
    """``runs.csv``; an empty table for an experiment that trains nothing."""
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def report_experiment(
    paper: Paper, experiment: Experiment, config: Mapping[str, Any], folder: Path, sheets: Path
) -> None:
    """Write tables, claims, figures and the page of one experiment into ``folder``."""
    results = load_results(paper, experiment, config, folder, sheets)
    table = result_table(results.reported, results.measured)
    caption = f"{paper.title}: {experiment.title} ({experiment.source}), scale {results.scale}."
    write_tables(table, folder, caption, f"tab:{experiment.name}")
    tables = per_seed_tables(results.per_seed)
    judged = claims_of(paper, experiment) if results.scale != "smoke" else []  # its numbers mean nothing
    verdicts = [judge(one, tables) for one in judged]
    write_csv(verdict_rows(verdicts), folder / "claims.csv")
    if experiment.figures or experiment.animations:
        getattr(paper.module("figures"), experiment.name)(results)
    write_text(folder / "README.md", page(paper, results, table, verdicts))


def page(paper: Paper, results: Results, table: pd.DataFrame, verdicts: list[Verdict]) -> str:
    """The experiment's page in Markdown: first what a reader asks at once, then what only some ask."""
    experiment = results.experiment
    deviations = _deviations(results)
    parts = [
        f"# {paper.title} · {experiment.source}\n\n**{experiment.title}.** {experiment.declared.get('question', '')}",
        f"Regenerate: `{command(experiment.name, results.scale)}`",
        _headline(results, deviations),
        "## Numbers\n\n" + "\n\n".join(map(markdown, shown(table))) + "\n\n" + _footnotes(results, table),
    ]
    if verdicts:
        parts.append("## Claims\n\n" + claims_table(verdicts, results.reported))
    pictures = [
        *(f"![{text}]({name}.png)\n\n*{text}* ([SVG]({name}.svg))" for name, text in experiment.figures.items()),
        *(f"![{text}]({name}.webp)\n\n*{text}*" for name, text in experiment.animations.items()),
    ]
    if pictures:
        parts.append("## Figures\n\n" + "\n\n".join(pictures))
    parts.append(_protocols(results.measured))
    if deviations:
        lines = [f"- `{setting}`: {_by_value(arms, len(results.deviations()))}" for setting, arms in deviations.items()]
        parts.append(
            "## Deviations\n\nFound by comparing this scale's settings with the paper's:\n\n" + "\n".join(lines)
        )
    if experiment.not_stated:
        lines = [
            f"- `{key}`: {why}{' (not at this scale, see the deviations)' if key in deviations else ''}"
            for key, why in experiment.not_stated.items()
        ]
        parts.append(
            "## Not stated in the paper\n\nChosen here for scale `paper`, where a choice is no deviation; "
            "a scale that chooses otherwise deviates from it.\n\n" + "\n".join(lines)
        )
    if len(results.runs):
        parts.append("## Cost\n\n" + _cost(results.runs))
    parts.append(
        "Files: [measured.csv](measured.csv) (tidy), [per_seed.csv](per_seed.csv), [claims.csv](claims.csv), "
        "[curves.csv](curves.csv), [runs.csv](runs.csv), [table.csv](table.csv), [table.tex](table.tex)"
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def command(name: str, scale: str) -> str:
    """What makes an experiment's results at a scale."""
    return f"snakemake {name}" + ("" if scale == "quick" else f" --config scale={scale}")


def _headline(results: Results, deviations: Mapping[str, Mapping[str, Deviation]]) -> str:
    """Scale, seeds, time and machine; then what deviates, the most telling first."""
    seeds = results.per_seed["seed"].nunique()
    facts = [f"Scale **{results.scale}**", f"{seeds} seed{'s' if seeds != 1 else ''}"]
    if len(results.runs):
        facts.append(f"{duration(results.runs['seconds'].sum())} of training")
        facts.append(" and ".join(results.runs["hardware"].unique()))
    parts = [" · ".join(facts) + "."]
    if deviations:
        first = [name for name in dict.fromkeys([*FIRST, *deviations]) if name in deviations][:TOLD]
        listed = ", ".join(f"`{name}` {_in_short(deviations[name])}" for name in first)
        more = f"; [all {len(deviations)} deviations](#deviations)" if len(deviations) > TOLD else ""
        parts.append(f"**scaled**: {listed}{more}.")
    else:
        parts.append("**exact**: nothing deviates from the paper.")
    for outcome in ("diverged", "broken"):
        ended = [row for row in results.runs.itertuples() if row.outcome == outcome]
        if ended:
            listed = ", ".join(f"{row.arm} (seed {row.seed}, step {row.steps})" for row in ended)
            parts.append(f"{outcome.capitalize()}: {listed}.")
    return "\n\n".join(parts)


def _deviations(results: Results) -> dict[str, dict[str, Deviation]]:
    """By setting, then by arm."""
    by_setting: dict[str, dict[str, Deviation]] = {}
    for arm, deviations in results.deviations().items():
        for one in deviations:
            by_setting.setdefault(one.setting, {})[arm] = one
    return by_setting


def claims_table(verdicts: list[Verdict], reported: pd.DataFrame) -> str:
    rows = []
    for verdict in verdicts:
        one = verdict.claim
        holds, effect = on_reported(one, reported)
        printed = "no number printed" if holds is None else f"{'holds' if holds else 'FAILS'} ({number(effect)})"
        rows.append(
            {
                "verdict": f"{MARKS[verdict.verdict]} {verdict.verdict}",
                "claim": one.text,
                "where": one.where,
                "on the paper's numbers": printed,
                "on ours": verdict.evidence(),
            }
        )
    return markdown(pd.DataFrame(rows))


def _footnotes(results: Results, table: pd.DataFrame) -> str:
    notes = []
    if results.per_seed["seed"].nunique() > 1:
        notes.append("± is the standard deviation over seeds.")
    if table[""].str.endswith("¹").any():
        notes.append(f"¹ Not comparable with the reported row. Where the protocols differ: {_what_differs(results)}.")
    return "\n\n".join(notes)


def _what_differs(results: Results) -> str:
    """In which parts the protocols of one cell differ, reported and measured, by metric."""
    cells = results.measured.merge(results.reported, on=["metric", "condition", "model"], suffixes=("", "_of_paper"))
    found: dict[str, dict[str, None]] = {}
    for row in cells.itertuples():
        for part in difference(row.protocol_of_paper, row.protocol):
            found.setdefault(row.metric, {})[part.partition(":")[0]] = None
    metrics: dict[str, list[str]] = {}
    for metric, parts in found.items():
        metrics.setdefault(", ".join(parts), []).append(f"`{metric}`")
    return "; ".join(f"{parts} ({', '.join(names)})" for parts, names in metrics.items())


def _protocols(measured: pd.DataFrame) -> str:
    protocols: dict[str, list[str]] = {}
    for row in measured.itertuples():
        metrics = protocols.setdefault(row.protocol.partition(";")[2], [])
        if row.metric not in metrics:
            metrics.append(row.metric)
    lines = [
        f"- {', '.join(f'`{m}`' for m in metrics)}: {text.replace(';', '; ')}"
        for text, metrics in protocols.items()
        if text
    ]
    return "## Protocols\n\n" + "\n".join(lines) if lines else ""


def _by_value(arms: Mapping[str, Deviation], all_arms: int) -> str:
    """A setting's deviations: once where all arms have the same, else with the names of the arms."""
    named: dict[str, list[str]] = {}
    for arm, one in arms.items():
        named.setdefault(f"{one.ours} (paper: {one.paper})", []).append(arm)
    if len(named) == 1 and len(arms) == all_arms:
        return next(iter(named))
    return "; ".join(f"{text} in {', '.join(names)}" for text, names in named.items())


def _in_short(arms: Mapping[str, Deviation]) -> str:
    """The same without the names of the arms."""
    ours, paper = (
        " or ".join(dict.fromkeys(str(getattr(one, whose)) for one in arms.values())) for whose in ("ours", "paper")
    )
    return f"{ours} (paper: {paper})"


def _cost(runs: pd.DataFrame) -> str:
    grouped = runs.groupby("arm", sort=False)
    table = pd.DataFrame(
        {
            "runs": grouped.size(),
            "parameters": grouped["parameters"].first().map("{:,}".format),
            "s per update": grouped["seconds_per_step"].mean().map("{:.4f}".format),
            "samples per s": grouped["samples_per_second"].mean().map("{:,.0f}".format),
            "peak memory, MB": grouped["peak_memory_mb"].max(),
            "s in all": grouped["seconds"].sum().map("{:.0f}".format),
        }
    )
    first = runs.iloc[0]
    where = (
        f"On {first['hardware']}, {first['threads']} thread(s) a run, torch {first['torch']}, Python {first['python']}."
    )
    return markdown(table.reset_index()) + f"\n\n{where}"
