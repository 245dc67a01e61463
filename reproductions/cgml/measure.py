"""What each experiment of cGML measures."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics import Metric
from common.evaluation.names import REAL
from common.evaluation.runs import Run
from common.evaluation.sampling import seed_sampling
from common.nn.unet import UNet
from common.pipeline.cost.count import operations
from reproductions.cgml.counted import ColourClassifier, ContextEncoder, OnePass
from reproductions.cgml.evaluate import COLOURS, GREY, TINTS, WITHOUT, OutputEvaluator, colour_shares, to_nearest_tint

CPU = torch.device("cpu")
LOW, HIGH = 0.3, 1.0  # where the branches are far enough apart to tell them
NEAR = 0.25  # of a branch's own size: closer than this an output belongs to it


def branch(x: Tensor) -> Tensor:
    """4 (x, x², x³) of x (n, 1); the other branch is its negative."""
    return 4 * torch.cat([x, x**2, x**3], dim=1)


def relative_distances(x: Tensor, y: Tensor) -> Tensor:
    """To the upper and lower branch, each over its size: (2, n)."""
    target = branch(x)
    return torch.stack([(y - target).norm(dim=1), (y + target).norm(dim=1)]) / target.norm(dim=1)


Walk = list[tuple[Tensor, Tensor, Tensor]]  # code, output, E[ρ] before and after each step


def _method(m: Measuring, run: Run, step: int | None = None) -> Any:
    method = m.method(run, CPU, step)
    method.to_evaluation()
    return method


def _walks(run: Run, method: Any) -> tuple[Tensor, dict[str, Walk]]:
    """Inference from the same random codes with and without ρ, at evenly spaced x."""
    s = run.settings
    x = torch.linspace(LOW, HIGH, s["positions"]).repeat_interleave(s["starts"])[:, None]
    seed_sampling(run.seed)
    z = method.codes(len(x))
    models = {run.arm: True, f"cGML {WITHOUT}": False}
    return x, {model: _walk(method, x, z, momentum=momentum) for model, momentum in models.items()}


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


def _add_outcome(cell: Cell, outcome: dict[str, float], **text: Any) -> None:
    for metric, value in outcome.items():
        cell.add(metric, value, "higher" if metric in ("near_branch", "rarer_branch") else "lower", **text)


def cgml_toy(m: Measuring) -> None:
    """Figure 3: both branches, phantom outputs, E[ρ] near the branches and away from them."""
    for run in m.whole_runs:
        (_add_regression if run.arm == "L1" else _add_inference)(m, run, _method(m, run))


def _add_regression(m: Measuring, run: Run, method: Any) -> None:
    x = torch.linspace(LOW, HIGH, run.settings["positions"])[:, None]
    y = method.outputs(x, 1)[:, 0]
    cell = m.cell(run, "cubic branches", task="toy")
    _add_outcome(cell, _outcome(x, y), **_sampled(run))
    cell.add("y", float(y.abs().mean()), of="mean absolute output of all coordinates", **_sampled(run))
    if m.shown(run):
        m.sheet("outputs|L1", torch.cat([x, y], dim=1).numpy())


def _add_inference(m: Measuring, run: Run, method: Any) -> None:
    x, walks = _walks(run, method)
    text = _sampled(run)
    for model, walk in walks.items():
        cell = m.cell(run, "cubic branches", model=model, task="toy")
        outcomes = [_outcome(x, y) for _, y, _ in walk]
        _add_outcome(cell, outcomes[-1], steps=run.settings["inner_steps"], **text)
        cell.add("error_at_start", outcomes[0]["error"], steps=0, **text)
        for metric in ("error", "phantom_share"):
            cell.curve(metric, np.arange(len(walk)), [outcome[metric] for outcome in outcomes])
        if m.shown(run):
            m.sheet(f"outputs|{model}", torch.cat([x, walk[-1][1]], dim=1).numpy()[:: max(len(x) // 2000, 1)])
    outputs, momenta = (torch.cat([step[k] for step in walks[run.arm]]) for k in (1, 2))
    xs = x.repeat(len(walks[run.arm]), 1)
    near = relative_distances(xs, outputs).min(dim=0).values < NEAR
    cell = m.cell(run, "cubic branches", task="toy")
    for metric, chosen in (("momentum_near", near), ("momentum_away", ~near)):
        cell.add(metric, momenta[chosen].mean(), of="mean of E[rho] over all steps", **text)  # nan of none
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
    for step in run.snapshots:
        method = _method(m, run, step)
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
        x, walks = _walks(run, _method(m, run))
        for walk, with_rho in zip(walks.values(), ("yes", "no"), strict=True):
            _add_outcome(m.cell(run, "cubic branches", rho=with_rho), _outcome(x, walk[-1][1]), **_sampled(run))


def cgml_toy_uncertainty(m: Measuring) -> None:
    """Figure 22: variance of outputs under noise on the codes where inference ends, over x."""
    draws = 50
    for run in m.whole_runs:
        method, s = _method(m, run), run.settings
        positions = torch.linspace(0, 1.5, s["positions"])
        x = positions.repeat_interleave(s["starts"])[:, None]
        seed_sampling(run.seed)
        with torch.no_grad():
            h = method.h(x)
            z, _ = method.walk(h, method.codes(len(x)), momentum=True)[-1]
            outputs = torch.stack([method.g(h, z + s["noise_on_codes"] * torch.randn_like(z)) for _ in range(draws)])
        variance = outputs.var(dim=0).mean(dim=1).reshape(len(positions), -1).mean(dim=1)
        text = {"noise": s["noise_on_codes"], "draws": draws, "starts": s["starts"]}
        size = branch(positions[:, None]).square().mean(dim=1)  # outputs grow with x, and their variance with them
        cell = m.cell(run, "cubic branches")
        for part, low, high in (("inside", 0.1, 0.5), ("outside", 1.0, 1.5)):
            chosen = (positions >= low) & (positions <= high)
            for metric, values in ((f"variance_{part}", variance), (f"relative_variance_{part}", variance / size)):
                cell.add(metric, float(values[chosen].mean()), of=f"x from {low:g} to {high:g}", **text)
        cell.curve("variance", positions.numpy(), variance.numpy())


# --- Images --------------------------------------------------------------------------------------------------------

COLUMNS = {"imagenet": "ImageNet"}  # of Table 2; everything else stands for STL


def _evaluator(m: Measuring, *metrics: Metric) -> OutputEvaluator:
    """``metrics``: of the experiment's own, besides those that it lists."""
    evaluator = m.evaluator(kind=OutputEvaluator)
    evaluator.metrics += metrics
    return evaluator


def _add(
    m: Measuring, evaluator: OutputEvaluator, run: Run, shown: int = 0, corruption: float | None = None, **at: Any
) -> dict[str, np.ndarray]:
    """The numbers of every model of one run, and the first pictures of every column for the figures; of several outputs
    the first twelve. Returns the shares of colours, where they are counted, by model.
    """
    shares = {}
    for model, evaluation in evaluator.evaluate_models(run, run.arm, corruption).items():
        m.cell(run, model=model, **at).add_numbers(evaluation.numbers)
        if "colours" in evaluation.each:
            shares[model] = colour_shares(evaluation.each["colours"])
        if shown and m.shown(run):
            block = evaluation.samples
            for name, images in (("truth", block.truths), ("input", block.conditions), (model, block.images)):
                m.sheet(f"picture|{name}", images[:shown] if images.ndim == 4 else images[:shown, :12])
    return shares


def cgml_colorization(m: Measuring) -> None:
    """Tables 2 and 8, Figures 6, 7, 10 and 33; on tinted garments the share of the four true colourings too."""
    name = m.settings()["data"]
    garments = name == "tinted_garments"
    evaluator = _evaluator(m, COLOURS, *([TINTS] if garments else []))
    for run in m.runs:
        shares = _add(m, evaluator, run, 8, data=COLUMNS.get(name, "STL"), task="colorization")
        if run.arm == "cGML":
            of = "mean absolute difference of a and of b, summed"
            if garments:
                of = "mean absolute difference to the nearest of 4 true colourings, sum of a and b"
            evaluator.errors_along(run, m.cell(run), of, to_nearest_tint if garments else None)
        if m.shown(run):
            for model, (ours, truth) in shares.items():
                m.sheet(f"planes|{model}", ours)
                m.sheet("planes|truth", truth)
            if run.arm == "cGML":
                m.sheet("along", evaluator.pictures_along(run))


def cgml_latent_size(m: Measuring) -> None:
    """Table 9, which has no SSIM; PSNR is ours."""
    evaluator = _evaluator(m)
    for run in m.runs:
        for model, evaluation in evaluator.evaluate_models(run, "cGML").items():
            cell = m.cell(run, model=model, latent_size=run.settings["latent_size"], task="colorization")
            cell.add_numbers(evaluation.numbers)


def cgml_mnist_completion(m: Measuring) -> None:
    """Figures 4 and 40: how near completed digits are to the clean ones, and how much of the hole is undecided grey."""
    evaluator = _evaluator(m, GREY)
    for run in m.runs:
        _add(m, evaluator, run, 10, task="completion")
        if run.arm == "cGML":
            evaluator.errors_along(run, m.cell(run), "mean difference within the hole")


def cgml_mnist_white_box(m: Measuring) -> None:
    """Figure 5: for how many digits the outputs of random codes show both modes."""
    evaluator = _evaluator(m)
    for run in m.whole_runs:
        method = evaluator.method(run)
        box = method.problem.box(CPU).numpy()
        for model, how in evaluator.models(method, run.arm).items():
            seed_sampling(run.seed)
            blocks = [block.images for block in evaluator.draw(method, **how)]
            if m.shown(run) and not how:
                m.sheet(f"picture|{run.arm}", blocks[0][:3, :10])
            found = np.concatenate([images[..., 0][..., box].mean(axis=-1) > 127 for images in blocks])
            cell = m.cell(run, model=model, rate=run.settings["box_rate"])
            sampled = {"inputs": found.shape[0], "outputs": found.shape[1], "box": "brighter than the middle grey"}
            both = (found.any(axis=1) & ~found.all(axis=1)).mean()
            cell.add("both_modes", both, "higher", of="inputs", **sampled)
            cell.add("box_share", found.mean(), "target", of="outputs", **sampled)


def cgml_image_completion(m: Measuring) -> None:
    """Table 3"""
    evaluator = _evaluator(m)
    for run in m.runs:
        corruptions = evaluator.settings["corruptions"]
        for corruption in corruptions:
            shown = 6 if corruption == corruptions[-1] else 0
            _add(m, evaluator, run, shown, corruption, mask=f"{corruption:.0%}", task="completion")


def _add_yardsticks(m: Measuring) -> None:
    """The mean output for every input; of completion by the share that is missing too."""
    evaluator, settings = _evaluator(m), m.settings()
    for corruption in settings.get("corruptions", [None]):
        at = {} if corruption is None else {"mask": f"{corruption:.0%}"}
        for seed in m.seeds:
            for name, found in evaluator.yardsticks(seed, corruption):
                m.cell_of(name, seed, evaluator.data.card["data"], **at).add_numbers(found.numbers)
                m.sheet(name, found.samples.images[:, 0])
                m.sheet(REAL, found.samples.truths)
    arm = m.experiment.gate_arms[0]
    m.sheet(arm, m.sheets.get(f"picture|{arm}", m.sheets[REAL][:, None])[:, 0])


YARDSTICKS = dict.fromkeys(
    ("cgml_colorization", "cgml_latent_size", "cgml_mnist_completion", "cgml_image_completion"), _add_yardsticks
)


def cgml_flops(m: Measuring) -> None:
    """Table 7: operations of one pass of a batch of 10, counted on shapes alone, at the sizes of Figure 24."""
    s = m.own_settings
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
            text = {"size": size, "counted": "two for a multiplication with an addition", "passes": 1}
            for seed in m.seeds:
                m.cell_of(model, seed, "not stated", **at).add("flops", count / 1e9, "lower", "1×10^9", **text)
