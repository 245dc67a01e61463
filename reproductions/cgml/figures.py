"""The figures of cGML that are built so far, drawn from what was measured."""

import numpy as np

from common.reporting.experiment_page import Results
from common.reporting.figures import COLOURS, bars_with_seeds, figure, seed_band


def cgml_toy(r: Results) -> None:
    """Figure 3."""
    arms = [name.removeprefix("outputs|") for name in r.sheets if name.startswith("outputs|")]
    line = np.linspace(0.3, 1, 50)
    with figure(r.folder / "outputs", 3, len(arms), (2.6 * len(arms), 5.6), sharex=True, sharey=True) as (_, axes):
        for column, arm in enumerate(arms):
            points = r.sheets[f"outputs|{arm}"]
            for row in range(3):
                axis = axes[row, column]
                for sign in (-1, 1):
                    axis.plot(line, sign * 4 * line ** (row + 1), color=COLOURS[1], linewidth=2.5, alpha=0.5)
                axis.plot(points[:, 0], points[:, 1 + row], ".", color=COLOURS[0], markersize=2, alpha=0.4)
                if row == 0:
                    axis.set_title(arm)
                if column == 0:
                    axis.set_ylabel(f"y{row + 1}")
            axes[2, column].set_xlabel("x")
    with figure(r.folder / "momentum", 1, 1, (4.4, 3)) as (drawn, axes):
        points = r.sheets["momentum"]
        shown = axes[0, 0].scatter(points[:, 0], points[:, 1], c=points[:, 2], s=3, cmap="viridis")
        axes[0, 0].set(xlabel="x", ylabel="y1", title="E[ρ] where outputs lie")
        drawn.colorbar(shown, ax=axes[0, 0], label="E[ρ]")
    with figure(r.folder / "steps", 1, 2, (7.5, 2.8)) as (_, axes):
        labels = {
            "error": "relative distance to the nearer branch ↓",
            "phantom_share": "share in the middle of the branches ↓",
        }
        for axis, (name, label) in zip(axes[0], labels.items(), strict=True):
            for i, model in enumerate(dict.fromkeys(r.curves["model"])):
                rows = r.curves[(r.curves["model"] == model) & (r.curves["curve"] == name)]
                seed_band(axis, rows, index=i, label=model, marker=True)
            axis.set(xlabel="steps of inference", ylabel=label)
            axis.set_ylim(0, None)
        axes[0, 0].legend()


def cgml_toy_uncertainty(r: Results) -> None:
    """Figure 22."""
    with figure(r.folder / "uncertainty", 1, 1, (4.8, 2.9)) as (_, axes):
        seed_band(axes[0, 0], r.curves, index=0)
        axes[0, 0].axvline(0.5, color="0.4", linestyle=":", linewidth=0.9)
        axes[0, 0].set(xlabel="x (trained up to the dotted line)", ylabel="variance of outputs", yscale="log")


def cgml_choices(r: Results) -> None:
    arms = list(dict.fromkeys(r.per_seed["model"]))
    labels = {
        "near_branch": "share near a branch ↑", "rarer_branch": "share of the rarer one ↑",
        "phantom_share": "share in the middle ↓",
    }  # fmt: skip
    with figure(r.folder / "choices", 3, 1, (9, 6.6), sharex=True) as (_, axes):
        for axis, (metric, label) in zip(axes[:, 0], labels.items(), strict=True):
            rows = r.per_seed[r.per_seed["metric"] == metric]
            groups = {
                label: [rows[(rows["model"] == arm) & (rows["condition"] == key)]["value"].tolist() for arm in arms]
                for label, key in (("with ρ", "rho=yes"), ("without", "rho=no"))
            }
            bars_with_seeds(axis, [arm.replace(" ", "\n") for arm in arms], groups)
            axis.set_ylabel(label)
        axes[0, 0].legend(ncols=2)
