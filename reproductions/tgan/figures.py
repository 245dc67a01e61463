"""The figures of *Temporal Generative Adversarial Nets*, drawn from what was measured."""

import numpy as np

from common.measurements.conditions import under, values_of
from common.measurements.numbers import distance_name
from common.reporting.figures.plots import COLOURS, MARKERS, bars_with_seeds, figure, pick, seed_band, show_images
from common.reporting.figures.videos import animate, rgb, scores, show_first_frames, show_strips
from common.reporting.results import Results


def tgan_ucf101(r: Results) -> None:
    show_first_frames(r.folder / "first_frames", r.sheets)
    scores(r)
    animate(r.folder / "samples.webp", r.sheets)


def tgan_golf(r: Results) -> None:
    show_first_frames(r.folder / "first_frames", r.sheets)
    animate(r.folder / "samples.webp", r.sheets)


def tgan_clipping_stability(r: Results) -> None:
    models = list(dict.fromkeys(r.curves["model"]))
    titles = {"TGAN (Weight clipping)": "c = 0.01", "TGAN (SVC)": "singular values"}
    with figure(r.folder / "losses", 1, len(models), (2.3 * len(models), 2.5)) as (_, axes):
        for i, (axis, model) in enumerate(zip(axes[0], models, strict=True)):
            seed_band(axis, pick(r.curves, model=model), index=i)
            axis.set(title=titles.get(model, model), xlabel="updates", ylabel="generator loss" if i == 0 else "")
    name = distance_name(r.per_seed["metric"])
    with figure(r.folder / "distances", 1, 1, (5.5, 2.8)) as (_, axes):
        if name:
            values = [r.values(name, model) for model in models]
            bars_with_seeds(axes[0, 0], [titles.get(model, model) for model in models], {"measured": values})
            axes[0, 0].set(ylabel=f"{name.replace('_', ' ')} ↓", title="distance to the data after training")


def tgan_conditional(r: Results) -> None:
    one, other = r.sheets["asked for"][::2], r.sheets["asked for"][1::2]
    both = {"asked for, rows are classes": one, "asked for again": other}
    show_strips(r.folder / "categories", both, count=len(one))
    animate(r.folder / "categories_moving.webp", {"asked for, by class": one, "data": r.sheets["data"]}, columns=10)


def tgan_moving_mnist_gam(r: Results) -> None:
    letters = {"3D model (GAN)": "(a) ", "3D model (SVC)": "(b) ", "TGAN (G1(z1))": "(c) ", "TGAN": "(d) "}
    videos = {name: r.sheets[name] for name in (*letters, "data")}
    show_strips(r.folder / "samples", {letters.get(name, "") + name: shown for name, shown in videos.items()})
    animate(r.folder / "moving.webp", videos)
    rows = pick(r.per_seed, metric="GAM")
    rivals = list(dict.fromkeys(values_of(rows, "against")))
    with figure(r.folder / "gam", 1, 1, (5, 2.8)) as (_, axes):
        axis = axes[0, 0]
        for place, rival in enumerate(rivals):
            seeds, label = under(rows, against=rival)["value"], "measured" if place == 0 else None
            axis.plot([place] * len(seeds), seeds, MARKERS[0], color=COLOURS[0], label=label)
        printed = r.reported.set_index(values_of(r.reported, "against"))["value"]
        axis.plot(range(len(rivals)), printed.reindex(rivals), "kx", markersize=8, label="printed")
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set_xticks(range(len(rivals)), rivals)
        axis.set(yscale="log", ylabel="GAM ↑", title="TGAN against …", xlim=(-0.5, len(rivals) - 0.5))
        axis.legend()


def tgan_frame_interpolation(r: Results) -> None:
    shown, dissolve = r.sheets["interpolated"], r.sheets["dissolve"]
    steps = (shown.shape[1] - 1) // (r.sheets["frames"].shape[1] - 1)  # from one frame to the next
    start = steps * (r.sheets["frames"].shape[1] // 2 - 1)
    chosen = slice(start, start + 2 * steps + 1)
    rows = [part for i in range(3) for part in (shown[i, chosen], dissolve[i, chosen])]
    with figure(r.folder / "between", 1, 1, (6.2, 4.2)) as (_, axes):
        images = rgb(np.concatenate(rows))
        show_images(axes[0, 0], images, 2 * steps + 1, "interpolated trajectory, and below it the dissolve")
    animate(r.folder / "slower.webp", {"frames of the generator": r.sheets["frames"], "four times as many": shown})
