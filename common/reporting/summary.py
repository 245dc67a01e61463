"""``results/<scale>/README.md``: every paper, every experiment, every claim's verdict, what it cost."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from common.base.files import write_text
from common.base.provenance import processor
from common.base.schema import ROOT
from common.experiments.papers import Experiment, Paper, library
from common.reporting.claims import MARKS, NOT_REPRODUCED, REPRODUCED
from common.reporting.experiment_page import command, read_runs
from common.reporting.tables import duration, markdown

LEGEND = " · ".join(f"{mark} {name}" for name, mark in MARKS.items())


def _verdicts(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "claims.csv")


def counts(verdicts: pd.DataFrame) -> str:
    counted = Counter(verdicts["verdict"])
    return ", ".join(f"{counted[name]} {name}" for name in MARKS if counted[name]) or "no claims"


def elsewhere(paper: Paper, scale: str) -> list[tuple[Experiment, str]]:
    """The paper's experiments that run at other scales only, each with the command that runs it at the largest."""
    here = paper.at(scale)
    return [
        (one, command(one.name, one.declared["at_scales"][-1]))
        for name, one in paper.experiments.items()
        if name not in here
    ]


def unbuilt() -> list[Paper]:
    """The papers of which only the reported numbers are here."""
    return [paper for paper in library().values() if not paper.experiments]


def numbers_held(paper: Paper) -> int:
    """How many numbers of those that a paper prints are typed in."""
    return len(pd.read_csv(paper.folder / "reported.csv"))


def _fidelity(deviations: int) -> str:
    if not deviations:
        return "exact"
    return f"scaled, {deviations} deviation{'s' if deviations > 1 else ''}"


def summarise(papers: list[Paper], config: Mapping[str, Any]) -> str:
    """Write the summary page, and return the verdict counts as text for the terminal."""
    scale = config["scale"]
    folder = Path(config["results"]) / scale
    runs = {name: read_runs(folder / paper.name / name / "runs.csv") for paper in papers for name in paper.at(scale)}
    parts = [
        f"# Results at scale `{scale}`",
        "What each paper reports, measured anew by this suite: one line per experiment, one mark per claim.\n"
        f"Measured{measured_on(runs.values())}.",
        LEGEND,
    ]
    told = []
    for paper in papers:
        rows, details, everything = [], [], []
        for experiment in paper.at(scale).values():
            place = folder / paper.name / experiment.name
            verdicts = _verdicts(place)
            everything.append(verdicts)
            by_arm = experiment.deviations_by_arm(scale, config)
            deviating = {deviation.setting for deviations in by_arm.values() for deviation in deviations}
            rows.append(
                {
                    "experiment": f"[{experiment.title}]({paper.name}/{experiment.name}/README.md)",
                    "source": experiment.source,
                    "fidelity": _fidelity(len(deviating)),
                    "claims": " ".join(MARKS[v] for v in verdicts["verdict"]),
                    "training": time_spent([runs[experiment.name]]),
                    "regenerate": f"`{command(experiment.name, scale)}`",
                }
            )
            if len(verdicts):
                shown = verdicts.assign(mark=verdicts["verdict"].map(MARKS))[
                    ["mark", "text", "where", "verdict", "evidence"]
                ]
                details.append(f"#### {experiment.title}\n\n" + markdown(shown.rename(columns={"mark": ""})))
        told.append((paper, pd.concat(everything)))
        declared = paper.declared
        parts.append(
            f"## {paper.title}\n\n{declared['authors']}, {declared['year']}. <{declared['url']}>."
            f" {counts(told[-1][1]).capitalize()}."
        )
        parts.append(markdown(pd.DataFrame(rows)))
        if others := elsewhere(paper, scale):
            lines = [f"- {one.title} ({one.source}): `{how}`" for one, how in others]
            parts.append("At other scales only:\n\n" + "\n".join(lines))
        if paper.not_built:
            lines = [f"- {one.title} ({one.source}): {one.declared['not_built']}" for one in paper.not_built.values()]
            parts.append("Not built yet:\n\n" + "\n".join(lines))
        parts.append(
            "<details><summary>Every claim with its evidence</summary>\n\n" + "\n\n".join(details) + "\n\n</details>"
        )
    parts.append(_not_built(folder))
    write_text(folder / "README.md", "\n\n".join(parts) + "\n")
    lines = []
    for paper, verdicts in told:
        lines.append(f"{paper.title} at scale {scale}: {counts(verdicts)}")
        lines += [f"  {MARKS[row.verdict]} {row.text} ({row.where}): {row.evidence}" for row in telling(verdicts)]
    return "\n".join([*lines, LEGEND, f"Tables, figures and every verdict: {folder / 'README.md'}"])


def _not_built(folder: Path) -> str:
    """The papers of the library that are not built yet, with what they report."""
    rows = [
        {
            "paper": f"[{paper.title}]({paper.declared['url']})",
            "year": paper.declared["year"],
            "tables and figures": len(paper.not_built),
            "reported numbers": f"[{numbers_held(paper)}]({os.path.relpath(paper.folder / 'reported.csv', folder)})",
        }
        for paper in unbuilt()
    ]
    return "## Not built yet\n\nWhat these papers report is typed in and can be compared with.\n\n" + markdown(
        pd.DataFrame(rows)
    )


def telling(verdicts: pd.DataFrame, count: int = 3) -> list:
    """The decided claims whose effects lie farthest from their thresholds, in widths of their intervals.

    Effects without spread are definitions more than measurements, and left out.
    """
    verdicts = verdicts.reset_index(drop=True)
    decided = verdicts[verdicts["verdict"].isin([REPRODUCED, NOT_REPRODUCED]) & (verdicts["high"] > verdicts["low"])]
    threshold = decided["must_be"].str.extract(r"([-0-9.e+]+)$")[0].astype(float)
    width = (decided["effect"] - threshold).abs() / (decided["high"] - decided["low"])
    return list(decided.loc[width.sort_values(ascending=False).index[:count]].itertuples())


def time_spent(runs: Iterable[pd.DataFrame]) -> str:
    """How long the trainings took, one that several experiments share counted once."""
    together = pd.concat(runs)
    return duration(together.drop_duplicates()["seconds"].sum()) if len(together) else "—"


def measured_on(runs: Iterable[pd.DataFrame]) -> str:
    """``" on AMD EPYC, 2 cores, code at commit abc1234"``; the machines are those that trained."""
    together = pd.concat(runs)
    machines = together["hardware"].unique() if len(together) else [processor()]
    return f" on {' and '.join(machines)}{_commit()}"


def _commit() -> str:
    """``", code at commit abc1234"``, "with changes" where the checkout has any; nothing outside git."""
    try:
        run = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **run)
        changed = subprocess.run(["git", "status", "--porcelain", "--", "common", "reproductions"], **run)
    except (OSError, subprocess.SubprocessError):
        return ""
    if commit.returncode:
        return ""
    return f", code at commit {commit.stdout.strip()}{' with changes' if changed.stdout.strip() else ''}"
