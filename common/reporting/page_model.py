"""The one model of result pages, made of result files and declarations; templates render it to Markdown and to HTML."""

import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.base.provenance import processor
from common.base.schema import ROOT
from common.evaluation.protocol import difference
from common.experiments.papers import YARDSTICKS_PICTURE, Deviation, Experiment, Paper, library
from common.experiments.recorded import check_measurement
from common.reporting.claims import COLUMNS, MARKS, NOT_REPRODUCED, REPRODUCED, UNDECIDED, WEAK
from common.reporting.results import Results
from common.reporting.tables import display_tables, duration, number, result_table
from common.reporting.verdicts import FEWEST, LUCK, benjamini_hochberg

# The deviations that a reader asks for first, and how many the head of a page names.
FIRST, NAMED = ("data", "image_size", "steps", "generator_width", "batch_size"), 4
DISAGREEMENTS = "## Where the sources disagree"  # the heading in a paper's README


@dataclass(frozen=True)
class SettingDeviation:
    """A setting that some arms have otherwise than the paper."""

    setting: str
    arms: Mapping[str, Deviation]
    of: int  # arms in all

    @property
    def in_short(self) -> str:
        """``"8 (paper: 64 or 128)"``"""
        ours, paper = zip(*((str(arm.ours), str(arm.paper)) for arm in self.arms.values()), strict=True)
        return f"{' or '.join(dict.fromkeys(ours))} (paper: {' or '.join(dict.fromkeys(paper))})"

    @property
    def by_arm(self) -> str:
        """Once where all arms have the same, else with the names of the arms."""
        named: defaultdict[str, list[str]] = defaultdict(list)
        for arm, deviation in self.arms.items():
            named[f"{deviation.ours} (paper: {deviation.paper})"].append(arm)
        if len(named) == 1 and len(self.arms) == self.of:
            return next(iter(named))
        return "; ".join(f"{text} in {', '.join(arms)}" for text, arms in named.items())


class ExperimentPage(Results):
    """What a page says of one experiment."""

    @cached_property
    def figures(self) -> dict[str, str]:
        """File name -> caption of the figures that are there."""
        return {file: text for file, text in self.experiment.figures.items() if (self.folder / file).exists()}

    @property
    def first_figures(self) -> dict[str, str]:
        """What the page begins with."""
        first = [*list(self.figures)[:1], YARDSTICKS_PICTURE]
        return {file: text for file, text in self.figures.items() if file in first}

    @property
    def other_figures(self) -> dict[str, str]:
        return {file: text for file, text in self.figures.items() if file not in self.first_figures}

    @property
    def command(self) -> str:
        return command(self.experiment.name, self.scale)

    @cached_property
    def seeds(self) -> int:
        return self.per_seed["seed"].nunique()

    @property
    def repeated(self) -> str:
        """What is repeated: seeds, or of a sweep the rows, which stand for them."""
        return "rows of the sweep" if "sweep" in self.experiment.declared else "seeds"

    @property
    def facts(self) -> list[str]:
        """Scale, seeds, time and machine."""
        facts = [f"Scale **{self.scale}**", f"{self.seeds} {self.repeated if self.seeds != 1 else 'seed'}"]
        if len(self.runs):
            facts += [f"{duration(self.runs['seconds'].sum())} of training", *self.runs["hardware"].unique()]
        return facts

    @property
    def endings(self) -> list[str]:
        """The trainings that did not come to their end."""
        lines = []
        for outcome in ("diverged", "broken"):
            ended = [run for run in self.runs.itertuples() if run.outcome == outcome]
            named = ", ".join(f"{run.arm} (seed {run.seed}, step {run.steps})" for run in ended)
            lines += [f"{outcome.capitalize()}: {named}."] if ended else []
        return lines

    @cached_property
    def deviations(self) -> list[SettingDeviation]:
        """Raises a UserError where the numbers were measured with other settings than the configuration's."""
        check_measurement(self.experiment, self.config, self.folder)
        by_arm = self.experiment.deviations_by_arm(self.scale, self.config)
        by_setting: defaultdict[str, dict[str, Deviation]] = defaultdict(dict)
        for arm, deviations in by_arm.items():
            for deviation in deviations:
                by_setting[deviation.setting][arm] = deviation
        return [SettingDeviation(setting, arms, len(by_arm)) for setting, arms in by_setting.items()]

    @property
    def first_deviations(self) -> list[SettingDeviation]:
        """The most telling."""
        return sorted(self.deviations, key=lambda one: (*FIRST, one.setting).index(one.setting))[:NAMED]

    @property
    def fidelity(self) -> str:
        count = len(self.deviations)
        return f"scaled, {count} deviation{'s' if count > 1 else ''}" if count else "exact"

    @cached_property
    def table(self) -> pd.DataFrame:
        return result_table(self.reported, self.measured)

    @property
    def tables(self) -> list[pd.DataFrame]:
        return display_tables(result_table(self.reported, self.measured[~self._resampled]))

    @property
    def resampling_tables(self) -> list[pd.DataFrame]:
        """How much of a spread is the sampling's own: for who asks."""
        resampled = self.measured[self._resampled]
        return display_tables(result_table(self.reported[:0], resampled)) if len(resampled) else []

    @property
    def _resampled(self) -> pd.Series:
        return self.measured["metric"].str.endswith("_resampling")

    @property
    def footnotes(self) -> list[str]:
        notes = [f"± is the standard deviation over {self.repeated}."] if self.seeds > 1 else []
        if self.table[""].str.endswith("¹").any():
            notes.append(f"¹ Not comparable with the reported row. Where the protocols differ: {self._what_differs()}.")
        return notes

    def _what_differs(self) -> str:
        """In which parts the protocols of one cell differ, reported and measured, by metric."""
        cell = ["metric", "condition", "model"]
        cells = self.measured.merge(self.reported, on=cell, suffixes=("", "_of_paper"))
        by_metric: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for row in cells.itertuples():
            for part in difference(row.protocol_of_paper, row.protocol):
                by_metric[row.metric][part.partition(":")[0]] = None
        by_parts: defaultdict[str, list[str]] = defaultdict(list)
        for metric, parts in by_metric.items():
            by_parts[", ".join(parts)].append(f"`{metric}`")
        return "; ".join(f"{parts} ({', '.join(metrics)})" for parts, metrics in by_parts.items())

    @property
    def protocols(self) -> dict[str, list[str]]:
        """What stands in a protocol besides the metric's name -> the metrics that it holds for."""
        protocols: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for row in self.measured.itertuples():
            protocols[row.protocol.partition(";")[2].replace(";", "; ")][row.metric] = None
        return {text: list(metrics) for text, metrics in protocols.items() if text}

    @property
    def not_stated(self) -> dict[str, str]:
        """Setting -> what was chosen, and whether this scale keeps it."""
        deviating = {deviation.setting for deviation in self.deviations}
        return {
            setting: why + (" (not at this scale, see the deviations)" if setting in deviating else "")
            for setting, why in self.experiment.not_stated.items()
        }

    @property
    def cost(self) -> pd.DataFrame:
        """A row an arm."""
        grouped = self.runs.groupby("arm", sort=False)
        columns = {
            "runs": grouped.size(),
            "parameters": grouped["parameters"].first().map("{:,}".format),
            "s per update": grouped["seconds_per_step"].mean().map("{:.4f}".format),
            "samples per s": grouped["samples_per_second"].mean().map("{:,.0f}".format),
            "peak memory, MB": grouped["peak_memory_mb"].max(),
            "s in all": grouped["seconds"].sum().map("{:.0f}".format),
        }
        return pd.DataFrame(columns).reset_index().astype(str)

    @property
    def machine(self) -> str:
        run = self.runs.iloc[0]
        return f"On {run.hardware}, {run.threads} thread(s) a run, torch {run.torch}, Python {run.python}."


@dataclass(frozen=True)
class PaperPage:
    """A paper with its experiments that have results at a scale, and with the others."""

    paper: Paper
    pages: list[ExperimentPage]
    scale: str

    @cached_property
    def claims(self) -> pd.DataFrame:
        """Of all its experiments; q over these."""
        claims = [page.claims for page in self.pages]
        return with_q(pd.concat(claims) if claims else pd.DataFrame(columns=COLUMNS))

    @property
    def runs(self) -> list[pd.DataFrame]:
        return [page.runs for page in self.pages]

    @property
    def exact(self) -> int:
        return sum(not page.deviations for page in self.pages)

    @property
    def numbers(self) -> list[int]:
        """Claims by verdict; experiments not built, measured, exactly as published; numbers that the paper prints."""
        counted = Counter(self.claims.loc[is_counted(self.claims), "verdict"])
        experiments = [len(self.paper.not_built), len(self.pages), self.exact]
        return [*(counted[name] for name in MARKS), *experiments, numbers_held(self.paper)]

    @property
    def elsewhere(self) -> list[tuple[Experiment, str]]:
        """The experiments that run at other scales only, each with the command that runs it at the largest."""
        here = self.paper.at(self.scale)
        others = [one for name, one in self.paper.experiments.items() if name not in here]
        return [(one, command(one.name, one.declared["at_scales"][-1])) for one in others]

    @property
    def disagreements(self) -> str:
        """What the paper's README says of contradictions between its published sources, in Markdown; "" of none."""
        readme = self.paper.folder / "README.md"
        text = readme.read_text(encoding="utf-8") if readme.exists() else ""
        section = re.search(rf"^{DISAGREEMENTS}[^\n]*\n(.*?)(?=^## |\Z)", text, re.S | re.M)
        return section[1].strip() if section else ""


def paper_page(paper: Paper, config: Mapping[str, Any]) -> PaperPage:
    """Of the experiments whose results are there."""
    scale = config["scale"]
    folder = Path(config["results"]) / scale / paper.name
    pages = [ExperimentPage(paper, one, config, folder / name) for name, one in paper.at(scale).items()]
    return PaperPage(paper, [page for page in pages if (page.folder / "claims.csv").exists()], scale)


def command(name: str, scale: str) -> str:
    """What makes an experiment's results at a scale."""
    return f"snakemake {name}" + ("" if scale == "quick" else f" --config scale={scale}")


def is_counted(claims: pd.DataFrame) -> pd.Series:
    """Which are the paper's own statements, measured by what can decide them."""
    return (claims["whose"] == "paper") & (claims["weak"] == "")


def is_judged(claims: pd.DataFrame) -> pd.Series:
    """Which of those that count got, or could have got, a verdict from seeds."""
    by_seeds = ~claims["exact"].astype(bool) & (claims["n"] >= FEWEST)
    return is_counted(claims) & by_seeds & claims["verdict"].isin([REPRODUCED, NOT_REPRODUCED, UNDECIDED])


def with_q(claims: pd.DataFrame) -> pd.DataFrame:
    """With a column q, Benjamini and Hochberg's over the claims that are judged; NaN of others."""
    judged = is_judged(claims).to_numpy(bool)
    q = np.full(len(claims), np.nan)
    q[judged] = benjamini_hochberg(claims.loc[judged, "p"])
    return claims.assign(q=q)


def too_few(claims: pd.DataFrame) -> str:
    """What an experiment, or a page, without seeds enough for verdicts says; "" of others."""
    of_seeds = claims[~claims["exact"].astype(bool) & (claims["n"] > 0)]
    few = len(of_seeds) > 0 and (of_seeds["n"] < FEWEST).all()
    return f"**With fewer than {FEWEST} seeds tables are filled and nothing is decided.**" if few else ""


def reading(claims: pd.DataFrame) -> list[str]:
    """What must be known before the verdicts of a page are read."""
    notes = [too_few(claims)]
    if judged := is_judged(claims).sum():
        lucky = f"{LUCK * judged:.2g}"
        notes.append(
            f"Of {judged} claim{'s' if judged > 1 else ''} judged at most {lucky} may be called reproduced by luck, "
            "and as many not reproduced. q is the share of lucky ones to expect among verdicts with a q as small."
        )
    if len(claims):
        notes.append(
            "A verdict is about the typical training; beside it stand how many seeds hold and, where all do, below "
            "which share trainings fail."
        )
    return list(filter(None, notes))


def by_kind(claims: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Heading -> the claims that are counted, the gate and claims of ours, and those that are too weak to count."""
    ours = claims["whose"] == "ours"
    parts = {
        "": claims[is_counted(claims)],
        "Not the paper's: preconditions and statements of ours": claims[ours],
        "Too weak to count, as they are measured now": claims[~ours & (claims["weak"] != "")],
    }
    return {heading: part for heading, part in parts.items() if len(part)}


def claims_in_words(claims: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The parts of :func:`by_kind`, of claims with q, as tables to be read."""
    tables = {}
    for heading, part in by_kind(claims).items():
        columns = {
            "verdict": [f"{MARKS[verdict]} {verdict}" for verdict in part["verdict"]],
            "claim": [f"{row.text}{f' ({why})' if (why := why_weak(row.weak)) else ''}" for row in part.itertuples()],
            "where": part["where"],
            "on the paper's numbers": part["on_reported"],
            "on ours": [
                f"{row.evidence}{f'; **{w}**' if (w := warning(row.untrained)) else ''}" for row in part.itertuples()
            ],
            "q": part["q"].map(q_text),
            "bar set": part["bar_set"],
        }
        tables[heading] = pd.DataFrame(columns).drop(columns=[] if part["q"].notna().any() else "q")
    return tables


def claims_of_all(papers: Iterable[PaperPage]) -> pd.DataFrame:
    """Of several papers; q over these."""
    return with_q(pd.concat([page.claims for page in papers]))


def claims_of(claims: pd.DataFrame, experiment: str) -> pd.DataFrame:
    return claims[claims["experiment"] == experiment]


def q_text(q: float) -> str:
    return "< 0.001" if q < 0.001 else number(q)


def why_weak(letters: str) -> str:
    """Why a claim with these letters does not count; "" where there are none."""
    return f"not counted: {'; '.join(WEAK[letter] for letter in letters)}" if letters else ""


def warning(untrained: str) -> str:
    """By the claim's verdict on untrained networks."""
    return "holds for untrained networks too" if untrained == REPRODUCED else ""


def counts(claims: pd.DataFrame) -> str:
    """``"3 reproduced, 1 undecided"``, of those that are counted."""
    counted = Counter(claims.loc[is_counted(claims), "verdict"])
    return ", ".join(f"{counted[name]} {name}" for name in MARKS if counted[name]) or "no claims"


def unbuilt() -> list[Paper]:
    """The papers of which only the reported numbers are here."""
    return [paper for paper in library().values() if not paper.experiments]


def numbers_held(paper: Paper) -> int:
    """How many numbers of those that a paper prints are typed in."""
    return len(pd.read_csv(paper.folder / "reported.csv"))


def time_spent(runs: Iterable[pd.DataFrame]) -> str:
    """How long the trainings took, one that several experiments share counted once."""
    together = pd.concat([pd.DataFrame(), *runs])
    return duration(together.drop_duplicates()["seconds"].sum()) if len(together) else "—"


def measured_on(runs: Iterable[pd.DataFrame]) -> str:
    """``" on AMD EPYC, 2 cores, code at commit abc1234"``; the machines are those that trained."""
    together = pd.concat([pd.DataFrame(), *runs])
    machines = together["hardware"].unique() if len(together) else [processor()]
    return f" on {' and '.join(machines)}{_commit()}"


def _commit() -> str:
    """``", code at commit abc1234"``, "with changes" where the checkout has any; nothing outside git."""
    try:
        run: dict[str, Any] = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **run)
        changed = subprocess.run(["git", "status", "--porcelain", "--", "common", "reproductions"], **run)
    except (OSError, subprocess.SubprocessError):
        return ""
    if commit.returncode:
        return ""
    return f", code at commit {commit.stdout.strip()}{' with changes' if changed.stdout.strip() else ''}"
