"""Whether an experiment trained far enough to be judged: its good models beat one that knows nothing.

``gate: {models: [...], metric: distance}`` in ``experiments.yaml`` names the models that the paper calls good, and what
they are held by: ``distance`` and ``score`` of the experiment's first feature network, or a metric's own name.
``where`` names the cell of a model that has several numbers of it, ``{truncation: none}``; ``arm`` the arm that
trains the first model, where tables call it otherwise.
"""

from collections.abc import Mapping
from typing import Any

from common.evaluation.names import NOTHING
from common.experiments.papers import Experiment
from common.measurements.numbers import distance_name, score_name
from common.measurements.table import Missing, Table, missing
from common.reporting.claims import Claim, Verdict, evaluate
from common.reporting.verdicts import Axis

GATE = "trained far enough"


def gate_of(experiment: Experiment) -> Claim | None:
    """The gate as a claim of a part a model: its ratio to the model that knows nothing; None where there is none."""
    declared = experiment.declared.get("gate")
    if declared is None:
        return None
    models, wanted, where = declared["models"], declared.get("metric", "distance"), declared.get("where", {})

    def effect(t: Table) -> dict[str, float]:
        named = {"distance": distance_name, "score": score_name}.get(wanted)
        metric = named(t.rows["metric"]) if named else wanted
        if metric is None:
            raise Missing(f"a {wanted}")
        lower = "lower" in set(t.select(metric=metric)["better"])
        cells = t.select(metric=metric, model=NOTHING, **where)
        nothing = _value(t, metric, NOTHING, **(where if len(cells) else {}))
        ratios = {model: _value(t, metric, model, **where) / nothing for model in models}
        return ratios if lower else {model: 1 / ratio for model, ratio in ratios.items()}

    text = f"{' and '.join(models)} beat{'s' if len(models) == 1 else ''} a model that knows nothing, by {wanted}"
    return Claim(GATE, text, "", experiment.name, effect, (None, 1.0), Axis("ratio"), whose="ours", of="training")


def gate_verdict(experiment: Experiment, tables: Mapping[int, Table]) -> Verdict | None:
    gate = gate_of(experiment)
    return None if gate is None else evaluate(gate, tables)


def _value(t: Table, metric: str, model: str, **where: Any) -> float:
    """Of the only cell, or of the one without any condition."""
    rows = t.select(metric=metric, model=model, **where)
    if len(rows) > 1:
        rows = rows[rows["condition"] == ""]
    if len(rows) != 1:
        raise missing(metric, model, where)
    return float(rows["value"].iloc[0])
