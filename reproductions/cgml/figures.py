"""The figures of cGML, drawn from what was measured."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from common.data.synthetic.harmonics import samples_of
from common.measurements.conditions import values_of
from common.reporting.figures.plots import (
    COLOURS,
    MARKERS,
    bars_with_seeds,
    by_condition,
    figure,
    pick,
    seed_band,
    show_images,
)
from common.reporting.results import Results


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
                axis.plot(points[:, 0], points[:, 1 + row], ".", color=COLOURS[0], ms=2, alpha=0.4, rasterized=True)
                if row == 0:
                    axis.set_title(arm)
                if column == 0:
                    axis.set_ylabel(f"y{row + 1}")
            axes[2, column].set_xlabel("x")
    with figure(r.folder / "momentum", 1, 1, (4.4, 3)) as (drawn, axes):
        points = r.sheets["momentum"]
        shown = axes[0, 0].scatter(points[:, 0], points[:, 1], c=points[:, 2], s=3, cmap="viridis", rasterized=True)
        axes[0, 0].set(xlabel="x", ylabel="y1", title="E[ρ] where outputs lie")
        drawn.colorbar(shown, ax=axes[0, 0], label="E[ρ]")
    _cost_maps(r)
    _paths(r)
    with figure(r.folder / "steps", 1, 2, (7.5, 2.8)) as (_, axes):
        labels = {"error": "relative distance to the nearer branch ↓"}
        labels["phantom_share"] = "share in the middle of the branches ↓"
        for axis, (name, label) in zip(axes[0], labels.items(), strict=True):
            for i, model in enumerate(dict.fromkeys(r.curves["model"])):
                seed_band(axis, pick(r.curves, model=model, curve=name), index=i, label=model, marker=True)
            axis.set(xlabel="steps of inference", ylabel=label)
            axis.set_ylim(0, None)
        axes[0, 0].legend()


def _cost_maps(r: Results) -> None:
    """Figure 21."""
    maps = r.sheets["cost"]
    with figure(r.folder / "cost", 1, len(maps), (2.1 * len(maps), 2.4), sharey=True) as (drawn, axes):
        for i, (axis, cost) in enumerate(zip(axes[0], maps, strict=True)):
            place = {"origin": "lower", "extent": (0, 1, 0, 360), "aspect": "auto"}
            shown = axis.imshow(cost, cmap="viridis", vmin=0, vmax=float(maps[-1].max()), **place)
            axis.set(xlabel="x", title="at the start" if i == 0 else f"after {i}/{len(maps) - 1}")
            axis.grid(False)
        axes[0, 0].set(ylabel="angle of the code", yticks=(0, 90, 180, 270, 360))
        drawn.colorbar(shown, ax=axes[0, -1], label="Ê")


def _paths(r: Results) -> None:
    with figure(r.folder / "paths", 1, 1, (3.8, 3.6)) as (_, axes):
        axis = axes[0, 0]
        colours = {1.0: COLOURS[0], -1.0: COLOURS[1], 0.0: "black"}
        labels = {1.0: "upper branch", -1.0: "lower branch", 0.0: "neither"}
        for path in r.sheets["paths"]:
            end = float(path[-1, 2])
            style = {"color": colours[end], "markersize": 4, "label": labels.pop(end, None)}
            axis.plot(path[:, 0], path[:, 1], color=colours[end], linewidth=0.8, alpha=0.6)
            axis.plot(*path[-1, :2], MARKERS[int(end < 0)], **style)
        axis.set(xlabel="z1", ylabel="z2", aspect="equal", title="codes at inference, x = 1")
        axis.legend(loc="upper right")


def cgml_toy_uncertainty(r: Results) -> None:
    """Figure 22."""
    with figure(r.folder / "uncertainty", 1, 1, (4.8, 2.9)) as (_, axes):
        seed_band(axes[0, 0], r.curves, index=0)
        axes[0, 0].axvline(0.5, color="0.4", linestyle=":", linewidth=0.9)
        axes[0, 0].set(xlabel="x (trained up to the dotted line)", ylabel="variance of outputs", yscale="log")


def cgml_choices(r: Results) -> None:
    labels = {"near_branch": "share near a branch ↑", "rarer_branch": "share of the rarer one ↑"}
    labels["phantom_share"] = "share in the middle ↓"
    with figure(r.folder / "choices", 3, 1, (10, 6.6), sharex=True) as (drawn, axes):
        for axis, (metric, label) in zip(axes[:, 0], labels.items(), strict=True):
            ways = {"with ρ": "yes", "without": "no"}
            groups = {way: [r.values(metric, arm, rho=rho) for arm in r.models] for way, rho in ways.items()}
            bars_with_seeds(axis, [arm.replace(" ", "\n") for arm in r.models], groups)
            axis.set_ylabel(label)
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)


# --- Images --------------------------------------------------------------------------------------------------------


def _columns(r: Results) -> list[tuple[str, np.ndarray]]:
    """Title and pictures (inputs, h, w, c) of every column: of cGML three outputs."""
    columns = []
    for name, images in r.sheets.items():
        kind, _, title = name.partition("|")
        if kind == "picture":
            several = 3 if title == "cGML" else 1
            of_title = [images] if images.ndim == 4 else [images[:, k] for k in range(several)]
            columns += zip([title, "", ""], of_title, strict=False)
    return columns


def _grid(r: Results, name: str) -> None:
    """A row an input, a column a model."""
    columns = _columns(r)
    rows = len(columns[0][1])
    with figure(r.folder / name, 1, len(columns), (0.95 * len(columns), 0.95 * rows + 0.5)) as (_, axes):
        for axis, (title, images) in zip(axes[0], columns, strict=True):
            show_images(axis, images, 1)
            axis.set_title(title.replace(" (", "\n(").replace(", ", ",\n"), fontsize=8)


def _walk_errors(r: Results, axis: Axes, label: str) -> None:
    seed_band(axis, pick(r.curves, curve="error"), index=0, marker=True)
    axis.set(xlabel="steps of inference", ylabel=label)


def cgml_colour_modes(r: Results) -> None:
    """Figures 6 and 10."""
    _grid(r, "colours")
    along = r.sheets["along"]
    with figure(r.folder / "steps", 1, 2, (8.2, 2.9), width_ratios=(1.3, 1)) as (_, axes):
        show_images(axes[0, 0], along, len(along) // 4, "along inference, first to last step")
        garments = r.per_seed["dataset"].iloc[0] == "tinted_garments"
        _walk_errors(r, axes[0, 1], "to the nearest true colouring ↓" if garments else "Ê ↓")


def _rows_by_arm(r: Results, name: str) -> None:
    """Sheets ``kind|arm`` of images (n, h, w, c), a row a sheet and a column an arm."""
    kinds, arms = (list(dict.fromkeys(key.split("|")[place] for key in r.sheets)) for place in (0, 1))
    with figure(r.folder / name, len(kinds), len(arms), (4.4 * len(arms), 0.9 * len(kinds))) as (_, axes):
        for row, kind in enumerate(kinds):
            for column, arm in enumerate(arms):
                images = r.sheets[f"{kind}|{arm}"]
                show_images(axes[row, column], images, len(images), arm if row == 0 else "")


def cgml_image_choices(r: Results) -> None:
    arms = [name.removeprefix("picture|") for name in r.sheets if name.startswith("picture|")]
    with figure(r.folder / "choices", 2, -(-len(arms) // 2), (2.3 * -(-len(arms) // 2), 2.4)) as (_, axes):
        for axis, arm in zip(axes.flat, arms, strict=False):
            images = r.sheets[f"picture|{arm}"]
            show_images(axis, images.reshape(-1, *images.shape[2:]), images.shape[1], arm)


def cgml_colorization(r: Results) -> None:
    """Figures 6, 7 and 33."""
    cgml_colour_modes(r)
    shown = {name.removeprefix("planes|"): shares for name, shares in r.sheets.items() if name.startswith("planes|")}
    models = ["truth", *(model for model in shown if model != "truth")]
    count = shown["truth"].shape[1]
    places = ((np.arange(count) + 0.5) / count * 2 - 1) * 110
    with figure(r.folder / "planes", 1, 2, (8, 3), sharey=True) as (drawn, axes):
        for plane, axis in enumerate(axes[0]):
            for i, model in enumerate(models):
                style: dict = {"color": "black", "linewidth": 2.2}
                if model != "truth":
                    style = {"color": COLOURS[(i - 1) % 7], "linewidth": 0.9}
                    style |= {"marker": MARKERS[(i - 1) % 7], "markersize": 3}
                axis.plot(places, np.maximum(shown[model][plane], 1e-5), label=model, **style)
            axis.set(xlabel="ab"[plane], yscale="log", xlim=(-60, 60))
        axes[0, 0].set_ylabel("share of pixels")
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def cgml_latent_size(r: Results) -> None:
    """Table 9."""
    rows = by_condition(r.per_seed, "latent_size")
    sizes = sorted(set(rows["step"].astype(int)))
    panels = {"PSNR_medoid": "PSNR of the medoid, dB ↑", "PSNR_best": "PSNR of the best output, dB ↑"}
    panels["diversity"] = "diversity ↑"
    with figure(r.folder / "sizes", 1, 3, (9.6, 2.9)) as (_, axes):
        for axis, (metric, label) in zip(axes[0], panels.items(), strict=True):
            for i, model in enumerate(r.models):
                seed_band(axis, pick(rows, metric=metric, model=model), index=i, label=model, marker=True)
            axis.set(xlabel="dimensions of z", ylabel=label, xscale="log")
            axis.set_xticks(sizes, sizes)
            axis.minorticks_off()
        axes[0, 0].legend()


def cgml_mnist_completion(r: Results) -> None:
    """Figures 4 and 40."""
    _grid(r, "digits")
    with figure(r.folder / "steps", 1, 1, (4.4, 2.8)) as (_, axes):
        _walk_errors(r, axes[0, 0], "error in the hole ↓")


def cgml_mnist_white_box(r: Results) -> None:
    """Figure 5."""
    arms = [name.removeprefix("picture|") for name in r.sheets]
    with figure(r.folder / "modes", 1, 2, (8.6, 2.9)) as (_, axes):
        labels = {"both_modes": "digits that show both modes", "box_share": "outputs with the box"}
        ways = {"with ρ": "", "without": " (w/o ρ)"}
        for axis, (metric, label) in zip(axes[0], labels.items(), strict=True):
            groups = {way: [r.values(metric, arm + suffix) for arm in arms] for way, suffix in ways.items()}
            bars_with_seeds(axis, [arm.replace(", ", "\n") for arm in arms], groups)
            axis.set(ylabel=label, ylim=(0, 1.05))
        axes[0, 0].legend()
    with figure(r.folder / "digits", 1, len(arms), (2.3 * len(arms), 1.3)) as (_, axes):
        for axis, arm in zip(axes[0], arms, strict=True):
            images = r.sheets[f"picture|{arm}"]
            show_images(axis, images.reshape(-1, *images.shape[2:]), images.shape[1], arm)


def cgml_image_completion(r: Results) -> None:
    """Table 3 and Figure 9."""
    _grid(r, "pictures")
    rows = by_condition(pick(r.per_seed, metric="PSNR_medoid"), "mask")
    with figure(r.folder / "corruption", 1, 1, (5, 3)) as (_, axes):
        for i, model in enumerate(dict.fromkeys(rows["model"])):
            seed_band(axes[0, 0], pick(rows, model=model), index=i, label=model, marker=True)
        axes[0, 0].set(xlabel="share of the picture that is missing, %", ylabel="PSNR, dB ↑")
        axes[0, 0].legend()


def cgml_convergence(r: Results) -> None:
    """Figure 18."""
    with figure(r.folder / "convergence", 1, 1, (5, 3)) as (_, axes):
        for i, model in enumerate(dict.fromkeys(r.curves["model"])):
            seed_band(axes[0, 0], pick(r.curves, model=model), index=i, label=model, marker=True)
        axes[0, 0].set(xlabel="updates", ylabel="error in the hole ↓")
        axes[0, 0].legend()


def cgml_scalability(r: Results) -> None:
    """Figure 19."""
    _rows_by_arm(r, "sizes")


def cgml_unseen_class(r: Results) -> None:
    """Figure 23."""
    most = max(float(sheet.max()) for name, sheet in r.sheets.items() if name.startswith("uncertainty"))
    for name, sheet in r.sheets.items():
        if name.startswith("uncertainty"):
            r.sheets[name] = (255 * sheet / max(most, 1e-12)).round().astype(np.uint8)
    _rows_by_arm(r, "uncertainty")


def cgml_downstream(r: Results) -> None:
    """Table 5."""
    models = list(dict.fromkeys(r.per_seed["model"]))
    with figure(r.folder / "accuracy", 1, 1, (5.4, 3)) as (_, axes):
        groups = {"": [r.values("accuracy", model) for model in models]}
        bars_with_seeds(axes[0, 0], [model.replace(" ", "\n") for model in models], groups)
        axes[0, 0].set_ylabel("accuracy, % ↑")


def cgml_translation(r: Results) -> None:
    """Figures 12 to 14."""
    _grid(r, "translations")


def cgml_flops(r: Results) -> None:
    """Table 7."""
    rows = r.per_seed.assign(size=values_of(r.per_seed, "size").fillna("128").astype(int))
    printed = r.reported[r.reported["model"].isin(rows["model"])]
    with figure(r.folder / "flops", 1, 1, (5.4, 3.4)) as (_, axes):
        axis = axes[0, 0]
        for i, (model, of_model) in enumerate(rows.groupby("model", sort=False)):
            of_model = of_model.sort_values("size")
            axis.plot(of_model["size"], of_model["value"], color=COLOURS[i], marker=MARKERS[i], label=model)
            there = printed[printed["model"] == model]["value"]
            axis.plot([128] * len(there), there, "x", color=COLOURS[i], markersize=8, markeredgewidth=2)
        axis.set(xscale="log", yscale="log", xlabel="pixels a side", ylabel="operations, 10⁹ ↓")
        axis.set_xticks(sorted(set(rows["size"])), sorted(set(rows["size"])))
        axis.minorticks_off()
        axis.legend()


# --- Solids --------------------------------------------------------------------------------------------------------


def _show_solid(axis: Any, moments: np.ndarray, band: int = 24) -> None:
    """The shaded surface that moments (L²,) stand for; of a finer grid than they need, closed at its seam and pole."""
    radii = samples_of(moments[None], max(band, round(len(moments) ** 0.5)))[0].clip(min=0)
    radii = np.pad(np.vstack([radii, np.full(radii.shape[1], radii[-1].mean())]), ((0, 0), (0, 1)), mode="wrap")
    polar, azimuth = np.linspace(0, np.pi, len(radii))[:, None], np.linspace(0, 2 * np.pi, radii.shape[1])
    flat = radii * np.sin(polar)
    places = flat * np.cos(azimuth), flat * np.sin(azimuth), radii * np.cos(polar)
    axis.plot_surface(*places, rcount=49, ccount=49, color=COLOURS[5], linewidth=0, antialiased=False, rasterized=True)
    axis.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), zlim=(-1.5, 1.5))
    axis.set_box_aspect((1, 1, 1), zoom=1.5)


def cgml_denoising_3d(r: Results) -> None:
    """Table 6 and Figure 20."""
    rows, columns = len(r.sheets), len(r.sheets["truth"])
    shape = (1.1 * columns, 1.1 * rows)
    with figure(r.folder / "solids", rows, columns, shape, subplot_kw={"projection": "3d"}) as (_, axes):
        for row, (name, solids) in zip(axes, r.sheets.items(), strict=True):
            for axis, moments in zip(row, solids, strict=True):
                _show_solid(axis, moments)
                axis.set_axis_off()
            row[0].text2D(0, 0.5, name, transform=row[0].transAxes, rotation=90, ha="right", va="center")
    models = ["as given", *(name for name in r.sheets if name not in ("truth", "as given"))]
    labels = {"radius_error": "error of the radius ↓", "recognised": "share recognised ↑"}
    with figure(r.folder / "restored", 1, 2, (8.2, 2.8)) as (_, axes):
        for axis, (metric, label) in zip(axes[0], labels.items(), strict=True):
            bars_with_seeds(axis, models, {label: [r.values(metric, model) for model in models]})
            axis.set_ylabel(label)


def cgml_downstream_3d(r: Results) -> None:
    """Table 4."""
    models = ["untrained", "L1", "CE", "cVAE", "cGML"]
    with figure(r.folder / "accuracy", 1, 1, (4.6, 2.8)) as (_, axes):
        bars_with_seeds(axes[0, 0], models, {"": [r.values("accuracy", model) for model in models]})
        axes[0, 0].axhline(np.mean(r.values("accuracy", "maps")), color="0.4", linestyle=":")
        axes[0, 0].set(ylabel="classified rightly, % ↑", ylim=(0, 100))
