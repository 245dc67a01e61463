"""One experiment's result folder: tables, figures, verdicts, and a page that a reader can follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.experiments import Deviation, Experiment, Paper
from common.files import write_text
from common.reporting.claims import MARKS, Verdict, claims_of, judge, on_reported, verdict_rows
from common.reporting.measurements import per_seed_tables, read_measurements, write_csv
from common.reporting.tables import markdown, number, result_table, shown, write_tables


@dataclass(frozen=True)
class Results:
    """What was measured in one experiment, as figures and tables read it.

    ``per_seed``: the tidy schema with a seed column; ``curves``: model, seed, curve, step, value;
    ``sheets``: uint8 images (n, height, width, channels), or videos (n, frames, ...), by name; ``runs``: cost and
    outcome of each run.
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
    with np.load(sheets) as arrays:
        images = dict(arrays)
    return Results(
        experiment,
        config,
        folder,
        reported[reported["source"].isin(experiment.reported_sources)].reset_index(drop=True),
        read_measurements(folder / "measured.csv"),
        pd.read_csv(folder / "per_seed.csv", keep_default_na=False, na_values={"value": [""], "spread": [""]}),
        pd.read_csv(folder / "curves.csv"),
        _read_runs(folder / "runs.csv"),
        images,
    )


def _read_runs(path: Path) -> pd.DataFrame:
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
    """The experiment's page in Markdown."""
    experiment = results.experiment
    parts = [
        f"# {paper.title} · {experiment.source}\n\n**{experiment.title}.** {experiment.declared.get('question', '')}"
    ]
    parts.append(f"Regenerate: `snakemake {experiment.name}{_scale_argument(results.scale)}`")
    parts.append(_headline(results))
    if verdicts:
        parts.append("## Claims\n\n" + claims_table(verdicts, results.reported))
    for name, caption in experiment.figures.items():
        parts.append(f"![{caption}]({name}.png)\n\n*{caption}* ([SVG]({name}.svg))")
    for name, caption in experiment.animations.items():
        parts.append(f"![{caption}]({name}.webp)\n\n*{caption}*")
    parts.append("## Numbers\n\n" + "\n\n".join(map(markdown, shown(table))) + "\n\n" + _footnotes(results, table))
    parts.append(_deviation_section(results))
    if experiment.not_stated:
        lines = [f"- `{key}`: {why}" for key, why in experiment.not_stated.items()]
        parts.append("## Not stated in the paper\n\nChosen here, so no deviation:\n\n" + "\n".join(lines))
    if len(results.runs):
        parts.append("## Cost\n\n" + _cost(results.runs))
    parts.append(
        "Files: [measured.csv](measured.csv) (tidy), [per_seed.csv](per_seed.csv), [claims.csv](claims.csv), "
        "[curves.csv](curves.csv), [runs.csv](runs.csv), [table.csv](table.csv), [table.tex](table.tex)"
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _scale_argument(scale: str) -> str:
    return "" if scale == "quick" else f" --config scale={scale}"


def _headline(results: Results) -> str:
    deviations = {d.setting for listed in results.deviations().values() for d in listed}
    fidelity = "**exact**: nothing deviates from the paper" if not deviations else (
        f"**scaled**: {len(deviations)} settings deviate from the paper (listed below); measured numbers stand beside "
        "the reported ones and are not compared with them"
    )  # fmt: skip
    seeds = results.per_seed["seed"].nunique()
    text = f"Scale **{results.scale}** · {seeds} seed{'s' if seeds != 1 else ''} · {fidelity}."
    for outcome in ("diverged", "broken"):
        ended = [row for row in results.runs.itertuples() if row.outcome == outcome]
        if ended:
            listed = ", ".join(f"{row.arm} (seed {row.seed}, step {row.steps})" for row in ended)
            text += f" {outcome.capitalize()}: {listed}."
    return text


def claims_table(verdicts: list[Verdict], reported: pd.DataFrame) -> str:
    rows = []
    for verdict in verdicts:
        one = verdict.claim
        holds, effect = on_reported(one, reported)
        printed = "no number printed" if holds is None else f"{'holds' if holds else 'FAILS'} ({number(effect)})"
        rows.append(
            {
                "": MARKS[verdict.verdict],
                "claim": one.text,
                "where": one.where,
                "on the paper's numbers": printed,
                "on ours": f"**{verdict.verdict}**: {verdict.evidence()}",
            }
        )
    return markdown(pd.DataFrame(rows))


def _footnotes(results: Results, table: pd.DataFrame) -> str:
    notes = []
    if table[""].str.endswith("¹").any():
        notes.append("¹ Not comparable with the reported row: another protocol.")
    protocols: dict[str, list[str]] = {}
    for row in results.measured.itertuples():
        metrics = protocols.setdefault(row.protocol.partition(";")[2], [])
        if row.metric not in metrics:
            metrics.append(row.metric)
    lines = [
        f"- {', '.join(f'`{m}`' for m in metrics)}: {text.replace(';', '; ')}"
        for text, metrics in protocols.items()
        if text
    ]
    spread = "± is the standard deviation over seeds." if results.per_seed["seed"].nunique() > 1 else ""
    return "\n\n".join(filter(None, [spread, *notes, "Protocols:\n\n" + "\n".join(lines) if lines else ""]))


def _deviation_section(results: Results) -> str:
    by_setting: dict[str, dict[str, str]] = {}
    for arm, deviations in results.deviations().items():
        for d in deviations:
            by_setting.setdefault(d.setting, {})[arm] = f"{d.ours} (paper: {d.paper})"
    if not by_setting:
        return ""
    lines = []
    for setting, arms in by_setting.items():
        everywhere = len(set(arms.values())) == 1 and len(arms) == len(results.deviations())
        if everywhere:
            lines.append(f"- `{setting}`: {next(iter(arms.values()))}")
            continue
        values: dict[str, list[str]] = {}
        for arm, text in arms.items():
            values.setdefault(text, []).append(arm)
        lines.append(f"- `{setting}`: " + "; ".join(f"{text} in {', '.join(names)}" for text, names in values.items()))
    return "## Deviations\n\nFound by comparing this scale's settings with the paper's:\n\n" + "\n".join(lines)


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
