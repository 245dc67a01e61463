"""What each experiment of cGML measures."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.evaluation.measuring import Measuring, Run
from common.evaluation.protocol import protocol
from common.nn.unet import UNet
from common.pipeline.cost.count import operations
from common.training.devices import compute_device
from reproductions.cgml.counted import ColourClassifier, ContextEncoder, OnePass
from reproductions.cgml.judging import (
    CPU,
    WITHOUT,
    Colours,
    GreyShare,
    ImageJudge,
    TintedColours,
    loaded,
    to_nearest_tint,
)

LOW, HIGH = 0.3, 1.0  # where the branches are far enough apart to tell them
NEAR = 0.25  # of a branch's own size: closer than this an output belongs to it

NEAREST_TINT = "mean absolute difference to the nearest of 4 true colourings, sum of a and b"
SUM_OF_COLOURS = "mean absolute difference of a and of b, summed"


def branch(x: Tensor) -> Tensor:
    """4 (x, x², x³) of x (n, 1); the other branch is its negative."""
    return 4 * torch.cat([x, x**2, x**3], dim=1)


def relative_distances(x: Tensor, y: Tensor) -> Tensor:
    """To the upper and lower branch, each over its size: (2, n)."""
    target = branch(x)
    return torch.stack([(y - target).norm(dim=1), (y + target).norm(dim=1)]) / target.norm(dim=1)


Walk = list[tuple[Tensor, Tensor, Tensor]]  # code, output, E[ρ] before and after each step


def _walks(m: Measuring, run: Run, method: Any) -> tuple[Tensor, dict[str, Walk]]:
    """Inference from the same random codes with and without ρ, at evenly spaced x."""
    s = run.settings
    x = torch.linspace(LOW, HIGH, s["positions"]).repeat_interleave(s["starts"])[:, None]
    torch.manual_seed(1000 + run.seed)
    z = method.codes(len(x))
    return x, {model: _walk(method, x, z, momentum=model == run.arm) for model in (run.arm, WITHOUT)}


@torch.no_grad()
def _walk(method: Any, x: Tensor, z: Tensor, *, momentum: bool) -> Walk:
    h = method.h(x)
    return [(z, method.g(h, z), rho) for z, rho in method.walk(h, z, momentum=momentum)]


def _outcome(x: Tensor, y: Tensor) -> dict[str, float]:
    """Where outputs lie."""
    distances = relative_distances(x, y)
    nearest, which = distances.min(dim=0)
    near = nearest < NEAR
    upper = float((near & (which == 0)).float().mean())
    middle = y.norm(dim=1) < NEAR * branch(x).norm(dim=1)  # where two opposite pulls cancel
    return {
        "near_branch": float(near.float().mean()),
        "phantom_share": float(middle.float().mean()),
        "rarer_branch": min(upper, float(near.float().mean()) - upper),
        "error": float(nearest.mean()),
    }


def _sampled(run: Run) -> dict[str, Any]:
    """What the protocols of a run's outcomes have in common."""
    x = f"{run.settings['positions']} from {LOW:g} to {HIGH:g}"
    return {"x": x, "starts": run.settings["starts"], "near": f"{NEAR:g} of the branch"}


BETTER = {"near_branch": "higher", "phantom_share": "lower", "rarer_branch": "higher", "error": "lower"}


def cgml_toy(m: Measuring) -> None:
    """Figure 3: both branches, phantom outputs, E[ρ] near the branches and away from them."""
    for run in m.whole_runs:
        method, s = loaded(m, run), run.settings
        text = _sampled(run)

        def add(metric: str, value: float, model: str, better: str = "", run=run, text=text, **more: Any) -> None:
            m.add(
                model=model,
                seed=run.seed,
                dataset="cubic branches",
                metric=metric,
                value=value,
                better=better,
                protocol=protocol(metric, **text, **more),
                note=run.note,
                task="toy",
            )

        if run.arm == "L1":
            x = torch.linspace(LOW, HIGH, s["positions"])[:, None]
            y = method.outputs(x, 1)[:, 0]
            for metric, value in _outcome(x, y).items():
                add(metric, value, "L1", BETTER[metric])
            add("y", float(y.abs().mean()), "L1", of="mean absolute output of all coordinates")
            if m.shown(run):
                m.sheet("outputs|L1", torch.cat([x, y], dim=1).numpy())
            continue
        x, walks = _walks(m, run, method)
        for model, walk in walks.items():
            outcomes = [_outcome(x, y) for _, y, _ in walk]
            for metric, value in outcomes[-1].items():
                add(metric, value, model, BETTER[metric], steps=s["inner_steps"])
            add("error_at_start", outcomes[0]["error"], model, steps=0)
            steps = np.arange(len(walk))
            for metric in ("error", "phantom_share"):
                values = np.array([outcome[metric] for outcome in outcomes])
                m.curve(model=model, seed=run.seed, name=metric, steps=steps, values=values)
            if m.shown(run):
                m.sheet(f"outputs|{model}", torch.cat([x, walk[-1][1]], dim=1).numpy()[:: max(len(x) // 2000, 1)])
        outputs, momenta = (torch.cat([step[k] for step in walks[run.arm]]) for k in (1, 2))
        xs = x.repeat(len(walks[run.arm]), 1)
        near = relative_distances(xs, outputs).min(dim=0).values < NEAR
        for metric, chosen in (("momentum_near", near), ("momentum_away", ~near)):
            value = float(momenta[chosen].mean()) if chosen.any() else float("nan")
            add(metric, value, run.arm, of="mean of E[rho] over all steps")
        if m.shown(run):
            m.sheet("momentum", torch.cat([xs, outputs[:, :1], momenta], dim=1).numpy()[:: max(len(xs) // 8000, 1)])
            m.sheet("cost", _cost_maps(m, run))
            m.sheet("paths", _paths(method))


@torch.no_grad()
def _cost_maps(m: Measuring, run: Run, points: int = 60) -> np.ndarray:
    """Figure 21: Ê of the upper branch (snapshots, angles of the code on a great circle, x in [0, 1])."""
    x, angle = torch.linspace(0, 1, points), torch.linspace(0, 2 * torch.pi, points)
    xs = x.repeat(points)[:, None]
    maps = []
    for snapshot in range(len(run.record["snapshots"])):
        method = loaded(m, run, snapshot=snapshot)
        z = torch.zeros(points, method.latent_size)
        z[:, 0], z[:, 1] = angle.cos(), angle.sin()
        output = method.g(method.h(xs), z.repeat_interleave(points, dim=0))
        maps.append(method.problem.errors(output, branch(xs), xs).reshape(points, points))
    return torch.stack(maps).numpy()


def _paths(method: Any, count: int = 60) -> np.ndarray:
    """Codes along inference at x = 1: two coordinates, and 1, -1 or 0 by the branch of the end (count, steps, 3)."""
    x = torch.ones(count, 1)
    torch.manual_seed(0)
    walk = _walk(method, x, method.codes(count), momentum=True)
    distance, which = relative_distances(x, walk[-1][1]).min(dim=0)
    end = torch.where(distance < NEAR, 1.0 - 2 * which, 0.0)
    codes = torch.stack([z[:, :2] for z, _, _ in walk], dim=1)
    return torch.cat([codes, end[:, None, None].expand(-1, codes.shape[1], 1)], dim=2).numpy()


def cgml_choices(m: Measuring) -> None:
    """What becomes of the outputs under each choice, with ρ and without."""
    for run in m.whole_runs:
        x, walks = _walks(m, run, loaded(m, run))
        for (_, walk), with_rho in zip(walks.items(), ("yes", "no"), strict=True):
            text = _sampled(run)
            for metric, value in _outcome(x, walk[-1][1]).items():
                m.add(
                    model=run.arm,
                    seed=run.seed,
                    dataset="cubic branches",
                    metric=metric,
                    value=value,
                    better=BETTER[metric],
                    protocol=protocol(metric, **text),
                    note=run.note,
                    rho=with_rho,
                )


def cgml_toy_uncertainty(m: Measuring) -> None:
    """Figure 22: variance of outputs under noise on the codes where inference ends, over x."""
    draws = 50
    for run in m.whole_runs:
        method, s = loaded(m, run), run.settings
        positions = torch.linspace(0, 1.5, s["positions"])
        x = positions.repeat_interleave(s["starts"])[:, None]
        torch.manual_seed(1000 + run.seed)
        with torch.no_grad():
            h = method.h(x)
            z, _ = method.walk(h, method.codes(len(x)), momentum=True)[-1]
            outputs = torch.stack([method.g(h, z + s["noise_on_codes"] * torch.randn_like(z)) for _ in range(draws)])
        variance = outputs.var(dim=0).mean(dim=1).reshape(len(positions), -1).mean(dim=1)
        text = {"noise": s["noise_on_codes"], "draws": draws, "starts": s["starts"]}
        size = branch(positions[:, None]).square().mean(dim=1)  # outputs grow with x, and their variance with them
        for part, low, high in (("inside", 0.1, 0.5), ("outside", 1.0, 1.5)):
            chosen = (positions >= low) & (positions <= high)
            for metric, values in ((f"variance_{part}", variance), (f"relative_variance_{part}", variance / size)):
                what = protocol(metric, of=f"x from {low:g} to {high:g}", **text)
                m.add(
                    model=run.arm,
                    seed=run.seed,
                    dataset="cubic branches",
                    metric=metric,
                    value=float(values[chosen].mean()),
                    protocol=what,
                    note=run.note,
                )
        m.curve(model=run.arm, seed=run.seed, name="variance", steps=positions.numpy(), values=variance.numpy())


# --- Images --------------------------------------------------------------------------------------------------------

COLUMNS = {"imagenet": "ImageNet"}  # of Table 2; everything else stands for STL


def _keep(m: Measuring, shown: dict[str, np.ndarray], inputs: int) -> None:
    """The first pictures of every column, for the figures; of several outputs the first twelve."""
    for name, images in shown.items():
        part = images[:inputs] if images.ndim == 4 else images[:inputs, :12]
        m.sheet(f"picture|{name}", part)


def cgml_colorization(m: Measuring) -> None:
    """Tables 2 and 8, Figures 6, 7, 10 and 33; on tinted garments the share of the four true colourings too."""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        garments = judge.name == "tinted_garments"
        data = COLUMNS.get(judge.name, "STL")
        for run in m.runs:
            tally = TintedColours if garments else Colours
            shown, tallies = judge.judge(run, tally=tally, data=data, task="colorization")
            if run.arm == "cGML":
                judge.errors_along(
                    run, NEAREST_TINT if garments else SUM_OF_COLOURS, to_nearest_tint if garments else None
                )
            if run.seed == m.seeds[0]:
                _keep(m, shown, 8)
                for model, counted in tallies.items():
                    m.sheet(f"planes|{model}", counted.shares[0])
                    m.sheet("planes|truth", counted.shares[1])
                if run.arm == "cGML":
                    m.sheet("along", judge.pictures_along())


def cgml_latent_size(m: Measuring) -> None:
    """Table 9, which has no SSIM; PSNR is ours."""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device, structure=False)
        for run in m.runs:
            judge.judge(run, "cGML", latent_size=run.settings["latent_size"], task="colorization")


def cgml_mnist_completion(m: Measuring) -> None:
    """Figures 4 and 40: how near completed digits are to the clean ones, and how much of the hole is undecided grey."""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        for run in m.runs:
            shown, _ = judge.judge(run, tally=GreyShare, task="completion")
            if run.arm == "cGML":
                judge.errors_along(run, "mean difference within the hole")
            if run.seed == m.seeds[0]:
                _keep(m, shown, 10)


def cgml_mnist_white_box(m: Measuring) -> None:
    """Figure 5: for how many digits the outputs of random codes show both modes."""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        for run in m.runs:
            box = judge.load(run).problem.box(CPU).numpy()
            for model, how in judge.models(run.arm):
                has_box = []
                for place, (_, _, images) in enumerate(judge.pictures(run, how)):
                    has_box.append(images[..., 0][..., box].mean(axis=-1) > 127)
                    if run.seed == m.seeds[0] and not how and place == 0:
                        m.sheet(f"picture|{run.arm}", images[:3, :10])
                found = np.concatenate(has_box)
                common = {
                    "model": model,
                    "seed": run.seed,
                    "dataset": judge.name,
                    "note": run.note,
                    "rate": run.settings["box_rate"],
                }
                sampled = {"inputs": found.shape[0], "outputs": found.shape[1], "box": "brighter than the middle grey"}
                both = (found.any(axis=1) & ~found.all(axis=1)).mean()
                text = protocol("both_modes", of="inputs", **sampled)
                m.add(metric="both_modes", value=both, better="higher", protocol=text, **common)
                text = protocol("box_share", of="outputs", **sampled)
                m.add(metric="box_share", value=found.mean(), better="target", protocol=text, **common)


def cgml_image_completion(m: Measuring) -> None:
    """Table 3"""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        for run in m.runs:
            for corruption in judge.s["corruptions"]:
                shown, _ = judge.judge(run, corruption=corruption, mask=f"{corruption:.0%}", task="completion")
            if run.seed == m.seeds[0]:
                _keep(m, shown, 6)


def cgml_flops(m: Measuring) -> None:
    """Table 7: operations of one pass of a batch of 10, counted on shapes alone, at the sizes of Figure 24."""
    s = m.experiment.settings_without_arm(m.scale, m.config)
    ours = {"width": s["width"], "latent_size": s["latent_size"], "path_width": s["path_width"]}
    for size in (32, 64, 128, 256):
        colour = (3, size, size)
        with torch.device("meta"):  # shapes, no weights
            networks: dict[str, tuple[Any, ...]] = {
                "CE": (ContextEncoder(size), colour),
                "P2P": (UNet(size, 3, 3, 64, 0), colour, (0,)),
                "CIC": (ColourClassifier(), (1, size, size)),
                "cGML": (OnePass(size, steps=s["inner_steps"], **ours), colour),
                "cGML, one step": (OnePass(size, steps=1, **ours), colour),
            }
        for model, (network, *shapes) in networks.items():
            count = operations(network, *((s["batch_size"], *shape) for shape in shapes))
            at = {"batch": s["batch_size"]} if size == s["image_size"] else {"size": size}
            text = protocol("flops", size=size, counted="two for a multiplication with an addition", passes=1)
            for seed in m.seeds:
                m.add(
                    model=model,
                    seed=seed,
                    dataset="not stated",
                    metric="flops",
                    value=count / 1e9,
                    better="lower",
                    unit="1×10^9",
                    protocol=text,
                    **at,
                )
