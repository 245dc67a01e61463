"""What each experiment of cGML measures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data.batches import to_float, to_uint8
from common.data.kinds import maker_of
from common.evaluation.evaluator import networks_for
from common.evaluation.features import extract
from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics import Metric
from common.evaluation.names import NOTHING, REAL, UNTRAINED
from common.evaluation.probes import linear_layer, nearest_neighbours
from common.evaluation.runs import Run
from common.evaluation.sampling import seed_sampling
from common.nn.unet import UNet
from common.pipeline.cost.count import operations
from reproductions.cgml.counted import ColourClassifier, ContextEncoder, OnePass
from reproductions.cgml.digits import UNSEEN
from reproductions.cgml.evaluate import COLOURS, GREY, TINTS, WITHOUT, OutputEvaluator, colour_shares, to_nearest_tint
from reproductions.cgml.problems import SpectralDenoising
from reproductions.cgml.solids import radius_errors, to_maps, to_moments

CPU = torch.device("cpu")
LOW, HIGH = 0.3, 1.0  # where the branches are far enough apart to tell them
NEAR = 0.25  # of a branch's own size: closer than this an output belongs to it
ALONG = 10  # steps of inference on which phantoms are looked for on the way
DRAWS = 50  # of noise on codes, where uncertainty is measured


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
        (_add_inference if run.arm == "cGML" else _add_regression)(m, run, _method(m, run))


def _add_regression(m: Measuring, run: Run, method: Any) -> None:
    x = torch.linspace(LOW, HIGH, run.settings["positions"])[:, None]
    y = method.outputs(x, 1)[:, 0]
    cell = m.cell(run, "cubic branches", task="toy")
    _add_outcome(cell, _outcome(x, y), **_sampled(run))
    cell.add("y", float(y.abs().mean()), of="mean absolute output of all coordinates", **_sampled(run))
    if m.shown(run) and run.arm == "L1":
        m.sheet("outputs|L1", torch.cat([x, y], dim=1).numpy())


def _add_inference(m: Measuring, run: Run, method: Any) -> None:
    x, walks = _walks(run, method)
    text = _sampled(run)
    for model, walk in walks.items():
        cell = m.cell(run, "cubic branches", model=model, task="toy")
        outcomes = [_outcome(x, y) for _, y, _ in walk]
        _add_outcome(cell, outcomes[-1], steps=run.settings["inner_steps"], **text)
        cell.add("error_at_start", outcomes[0]["error"], steps=0, **text)
        on_the_way = [outcome["phantom_share"] for outcome in outcomes[1 : ALONG + 1]]
        cell.add("phantom_along", np.mean(on_the_way), "lower", of=f"mean of steps 1 to {len(on_the_way)}", **text)
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


@torch.no_grad()
def _under_noise(method: Any, x: Tensor, noise: float) -> Tensor:
    """Outputs (DRAWS, n, …) of one random code each, with noise on it where inference ends."""
    h = method.h(x)
    z, _ = method.walk(h, method.codes(len(x)), momentum=True)[-1]
    return torch.stack([method.g(h, z + noise * torch.randn_like(z)) for _ in range(DRAWS)])


def cgml_toy_uncertainty(m: Measuring) -> None:
    """Figure 22: variance of outputs under noise on the codes where inference ends, over x."""
    for run in m.whole_runs:
        method, s = _method(m, run), run.settings
        positions = torch.linspace(0, 1.5, s["positions"])
        x = positions.repeat_interleave(s["starts"])[:, None]
        seed_sampling(run.seed)
        outputs = _under_noise(method, x, s["noise_on_codes"])
        variance = outputs.var(dim=0).mean(dim=1).reshape(len(positions), -1).mean(dim=1)
        text = {"noise": s["noise_on_codes"], "draws": DRAWS, "starts": s["starts"]}
        size = branch(positions[:, None]).square().mean(dim=1)  # outputs grow with x, and their variance with them
        cell = m.cell(run, "cubic branches")
        for part, low, high in (("inside", 0.1, 0.5), ("outside", 1.0, 1.5)):
            chosen = (positions >= low) & (positions <= high)
            for metric, values in ((f"variance_{part}", variance), (f"relative_variance_{part}", variance / size)):
                cell.add(metric, float(values[chosen].mean()), of=f"x from {low:g} to {high:g}", **text)
        cell.curve("variance", positions.numpy(), variance.numpy())


# --- Images --------------------------------------------------------------------------------------------------------

COLUMNS = {"imagenet": "ImageNet"}  # of Table 2; everything else stands for STL
FALLEN = 0.9  # of the fall of an error, which then counts as converged
ORACLE, UNTRAINED_ENCODER = "EfficientNet-Lite0", "untrained encoder"


def _evaluator(m: Measuring, *metrics: Metric) -> OutputEvaluator:
    """``metrics``: of the experiment's own, besides those that it lists."""
    evaluator = m.evaluator(kind=OutputEvaluator)
    evaluator.metrics += metrics
    return evaluator


def _at(hole: Any) -> dict[str, str]:
    """The condition of numbers with a test hole: the share of a picture, or the shape in a digit."""
    return {} if hole is None else {"hole": hole} if isinstance(hole, str) else {"mask": f"{hole:.0%}"}


def _add(
    m: Measuring, evaluator: OutputEvaluator, run: Run, shown: int = 0, hole: Any = None, **at: Any
) -> dict[str, np.ndarray]:
    """The numbers of every model of one run, and the first pictures of every column for the figures; of several outputs
    the first twelve. Returns the shares of colours, where they are counted, by model.
    """
    shares = {}
    for model, evaluation in evaluator.evaluate_models(run, run.arm, hole).items():
        m.cell(run, model=model, **at, **_at(hole)).add_numbers(evaluation.numbers)
        if "colours" in evaluation.each:
            shares[model] = colour_shares(evaluation.each["colours"])
        if shown and m.shown(run):
            block = evaluation.samples
            for name, images in (("truth", block.truths), ("input", block.conditions), (model, block.images)):
                m.sheet(f"picture|{name}", images[:shown] if images.ndim == 4 else images[:shown, :12])
    return shares


def _colour_metrics(m: Measuring) -> list[Metric]:
    """On tinted garments which of the four true colourings outputs have."""
    return [TINTS] if m.settings()["data"] == "tinted_garments" else []


def cgml_colorization(m: Measuring) -> None:
    """Tables 2 and 8, Figures 6, 7, 10 and 33; on tinted garments the share of the four true colourings too."""
    name = m.settings()["data"]
    garments = name == "tinted_garments"
    evaluator = _evaluator(m, COLOURS, *_colour_metrics(m))
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


cgml_colour_modes = cgml_colorization


def cgml_image_choices(m: Measuring) -> None:
    """What becomes of the colours of garments under each choice, with ρ."""
    evaluator = _evaluator(m, TINTS)
    for run in m.runs:
        evaluation = evaluator.evaluate_models(run, run.arm)[run.arm]
        m.cell(run).add_numbers(evaluation.numbers)
        if m.shown(run):
            m.sheet(f"picture|{run.arm}", evaluation.samples.images[:3, :8])


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
        first, *others = evaluator.settings["test_holes"]
        _add(m, evaluator, run, 10, first, task="completion")
        for hole in others:
            _add(m, evaluator, run, 0, hole, task="completion")
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
        *others, last = evaluator.settings["test_holes"]
        for hole in others:
            _add(m, evaluator, run, 0, hole, task="completion")
        _add(m, evaluator, run, 6, last, task="completion")


def cgml_convergence(m: Measuring) -> None:
    """Figure 18: the error in the hole in the course of training, when most of its fall is done, and how it wavers."""
    evaluator = _evaluator(m)
    for run in m.whole_runs:
        errors = []
        for step in run.snapshots:
            seed_sampling(run.seed)
            errors.append(evaluator.error(evaluator.method(run, step)))
        cell, text = m.cell(run, task="completion"), {"of": "mean difference within the hole", "moments": len(errors)}
        cell.curve("error", run.snapshots, errors)
        if len(errors) > 2:
            cell.add("error_left", errors[-1] / errors[0], "lower", **text)
            cell.add(
                "updates_to_converge", fall(run.snapshots, errors), "lower", until=f"{FALLEN:.0%} of the fall", **text
            )
            late = errors[len(errors) // 2 :]
            cell.add("wavering", np.abs(np.diff(late)).mean() / late[-1], "lower", over="second half", **text)


def fall(steps: Sequence[int], errors: Sequence[float]) -> float:
    """After how many updates, on straight lines between the moments, FALLEN of the fall from the first error to the
    least are done.
    """
    least = np.minimum.accumulate(errors)
    bar = errors[0] - FALLEN * (errors[0] - least[-1])
    return float(np.interp(-bar, -least, steps))


def cgml_scalability(m: Measuring) -> None:
    """Figure 19: the error in the hole at each size, and that of the training data's mean picture."""
    for run in m.whole_runs:
        evaluator = m.evaluator([run], kind=OutputEvaluator)
        method = evaluator.method(run)
        seed_sampling(run.seed)
        errors = {"error": evaluator.error(method), "error_of_mean": evaluator.error(evaluator.nothing(method.problem))}
        cell = m.cell(run, model="cGML", size=run.settings["image_size"])
        for metric, error in errors.items():
            cell.add(metric, error, "lower", of="mean difference within the hole", inputs=len(evaluator.test))
        if m.shown(run):
            block = next(evaluator.draw(method))
            for name, images in (("input", block.conditions), ("output", block.images[:, 0]), ("truth", block.truths)):
                m.sheet(f"{name}|{run.arm}", images[:6])


def cgml_unseen_class(m: Measuring) -> None:
    """Figure 23: variance under noise on the codes, of the class that one training does not see and of others."""
    for run in m.whole_runs:
        method, s = _method(m, run), run.settings
        part = {"data": s["tested_on"], "data_from": s["tested_from"], "data_count": s["perceptual_inputs"]}
        test = m.data({**s, **part})
        seed_sampling(run.seed)
        x, _ = method.problem.pair(to_float(torch.from_numpy(np.array(test.samples))), training=False)
        outputs = _under_noise(method, x, s["noise_on_codes"])
        variances = method.problem.in_hole(outputs.var(dim=0), x).numpy()
        unseen = test.labels == UNSEEN
        cell = m.cell(run, s["tested_on"])
        for metric, chosen in (("variance_unseen", unseen), ("variance_seen", ~unseen)):
            text = {"of": "mean within the hole", "noise": s["noise_on_codes"], "draws": DRAWS, "inputs": chosen.sum()}
            cell.add(metric, variances[chosen].mean(), **text)
        if m.shown(run):
            shown = np.concatenate([np.flatnonzero(group)[:6] for group in (unseen, ~unseen)])
            deviation = outputs.std(dim=0)[shown] * x[shown, -1:]
            m.sheet(f"input|{run.arm}", to_uint8(method.problem.given(x[shown])).numpy())
            m.sheet(f"output|{run.arm}", to_uint8(method.problem.picture(x[shown], outputs[0, shown])).numpy())
            m.sheet(f"uncertainty|{run.arm}", deviation.permute(0, 2, 3, 1).numpy())


def cgml_downstream(m: Measuring) -> None:
    """Table 5: a linear layer on what ℋ of each completion makes of whole pictures of another set."""
    s = m.own_settings
    data, training = m.data(s), slice(None, -s["probe_test"])
    pictures, labels = np.array(data.samples), np.asarray(data.labels)

    def accuracy(cell: Cell, features: np.ndarray, of: str) -> None:
        parts = (features[training], labels[training]), (features[-s["probe_test"] :], labels[-s["probe_test"] :])
        probe = linear_layer(*((each - features[training].mean(axis=0), group) for each, group in parts))
        cell.add("accuracy", 100 * probe.accuracy, "higher", "%", features=of, **probe.parts)

    (oracle,) = networks_for(s, m.config, m.device, None)
    values = extract(oracle, pictures, keep={"values"}).values
    for seed in m.seeds:
        accuracy(m.cell_of(ORACLE, seed, data.card["data"], task="classification"), values, "before the last layer")
    for run in m.whole_runs:
        models = {run.arm: None} | ({UNTRAINED_ENCODER: 0} if run.arm == "cGML" else {})
        for model, step in models.items():
            method = _method(m, run, step)
            cell = m.cell(run, data.card["data"], model, task="classification")
            accuracy(cell, bottleneck(method, pictures), "output of the encoder")


@torch.no_grad()
def bottleneck(method: Any, pictures: np.ndarray) -> np.ndarray:
    """Features (n, d) of ℋ of uint8 pictures (n, h, w, 1 or 3) of which nothing is missing."""
    found = []
    for start in range(0, len(pictures), 500):
        x = to_float(torch.from_numpy(pictures[start : start + 500])).expand(-1, 3, -1, -1)
        found.append(method.h(torch.cat([x, torch.zeros_like(x[:, :1])], dim=1))[-1].flatten(1).numpy())
    return np.concatenate(found)


def cgml_translation(m: Measuring) -> None:
    """Figures 12 to 15: how many of a condition's true outputs are met, and the diversity of Appendix 3.4."""
    evaluator = _evaluator(m)
    for run in m.runs:
        _add(m, evaluator, run, 6, task="translation")


def _add_yardsticks(m: Measuring) -> None:
    """The mean output for every input; of completion by the share that is missing too."""
    evaluator = _evaluator(m, *_colour_metrics(m))
    for hole in evaluator.settings.get("test_holes", [None]):
        for seed in m.seeds:
            for name, found in evaluator.yardsticks(seed, hole):
                m.cell_of(name, seed, evaluator.data.card["data"], **_at(hole)).add_numbers(found.numbers)
                m.sheet(name, found.samples.images[:, 0])
                m.sheet(REAL, found.samples.truths)
    arm = m.experiment.gate_arms[0]
    m.sheet(arm, m.sheets.get(f"picture|{arm}", m.sheets[REAL][:, None])[:, 0])


YARDSTICKS = {
    f"cgml_{name}": _add_yardsticks
    for name in (
        *("colorization", "colour_modes", "image_choices", "latent_size"),
        *("mnist_completion", "image_completion", "translation"),
    )
}


def cgml_flops(m: Measuring) -> None:
    """Table 7: operations of one pass of a batch of 10, counted on shapes alone, at the sizes of Figure 24."""
    s = m.own_settings
    ours = {"width": s["width"], "latent_size": s["latent_size"], "path_width": s["path_width"]}
    for size in (32, 64, 128, 256):
        colour = (3, size, size)
        with torch.device("meta"):  # shapes, no weights
            networks: dict[str, tuple[Any, ...]] = {
                "CE": (ContextEncoder(size), colour),
                "CE, centre region": (ContextEncoder(size, centre=True), colour),
                "P2P": (UNet(size, 3, 3, 64, 0), colour, (0,)),
                "CIC": (ColourClassifier(), (1, size, size)),
                "cGML": (OnePass(size, steps=s["inner_steps"], skips=s["skips"], **ours), colour),
                "cGML, concatenated skips": (
                    OnePass(size, steps=s["inner_steps"], skips="concatenated", **ours),
                    colour,
                ),
                "cGML, one step": (OnePass(size, steps=1, skips=s["skips"], **ours), colour),
            }
        for model, (network, *shapes) in networks.items():
            count = operations(network, *((s["batch_size"], *shape) for shape in shapes))
            at = {"batch": s["batch_size"]} if size == s["image_size"] else {"size": size}
            text = {"size": size, "counted": "two for a multiplication with an addition", "passes": 1}
            for seed in m.seeds:
                m.cell_of(model, seed, "not stated", **at).add("flops", count / 1e9, "lower", "1×10^9", **text)


# --- Solids --------------------------------------------------------------------------------------------------------

TEST_SEED, PROBE_SEED = 1, 2  # of solids that no training sees; it has those of seed 0
KNOWN = 4000  # clean maps of training that restored ones are recognised by


def _evaluated(m: Measuring, run: Run) -> Any:
    method = m.method(run)
    method.to_evaluation()
    return method


def _test_maps(settings: Any) -> tuple[Tensor, Tensor, np.ndarray]:
    """The test solids, the same whatever the model: corrupted and clean maps, and families."""
    moments, families = maker_of(settings["data"])(settings["test_solids"], seed=TEST_SEED)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x, y = SpectralDenoising(settings, moments.shape[1:]).pair(torch.from_numpy(moments), training=False)
    return x, y, families


def _restored(method: Any, x: Tensor, count: int, at_once: int = 64) -> Tensor:
    """``count`` outputs for each map, one after another: (n × count, 1, L, L)."""
    blocks = x.to(method.device).split(at_once)
    return torch.cat([method.outputs(block, count).flatten(0, 1).cpu() for block in blocks])


def _add_restored(m: Measuring, cell: Cell, maps: Tensor, settings: Any) -> None:
    """How far restored maps, so many of each test solid, are from the truth, and how many show its family."""
    _, y, families = _test_maps(settings)
    outputs, (low, high) = len(maps) // len(y), settings["hole_sides"]
    text = {"solids": len(y), "outputs": outputs, "noise": settings["noise"], "hole": f"sides of {low:g} to {high:g}"}
    errors = radius_errors(to_moments(maps), to_moments(y).repeat_interleave(outputs, dim=0))
    of = "root mean square over directions, of the mean radius"
    cell.add("radius_error", float(errors.mean()), "lower", of=of, **text)
    data = m.data(settings)
    clean = to_maps(torch.from_numpy(np.array(data.samples[:KNOWN]))).flatten(1).numpy(), data.labels[:KNOWN]
    probe = nearest_neighbours(clean, (maps.flatten(1).numpy(), families.repeat(outputs)))
    cell.add("recognised", probe.accuracy, "higher", of="family of the nearest clean map", **text, **probe.parts)


def cgml_denoising_3d(m: Measuring) -> None:
    """Table 6 and Figure 20; recognised solids stand in the place of mAP, which the paper does not define."""
    for run in m.whole_runs:
        method, s = _evaluated(m, run), run.settings
        x, y, families = _test_maps(s)
        seed_sampling(run.seed)
        models = {run.arm: _restored(method, x, s["outputs_per_input"] if method.latent_size else 1)}
        if run.arm == "cGML":
            models["as given"] = x
        for model, maps in models.items():
            _add_restored(m, m.cell(run, model=model, data="solids", task="3D denoising"), maps, s)
        if m.shown(run):
            of_each_family = np.unique(families, return_index=True)[1]
            first = models[run.arm].unflatten(0, (len(x), -1))[:, 0]
            for name, maps in {"truth": y, "as given": x, run.arm: first}.items():
                m.sheet(name, to_moments(maps[of_each_family]).numpy())


def _add_solid_yardsticks(m: Measuring) -> None:
    """The mean map of training for every solid, and the clean maps."""
    s = m.settings()
    _, y, _ = _test_maps(s)
    mean = to_maps(torch.from_numpy(np.array(m.data(s).samples[:KNOWN]))).mean(dim=0).expand_as(y)
    for seed in m.seeds:
        for name, maps in {NOTHING: mean, REAL: y}.items():
            cell = m.cell_of(name, seed, m.data(s).card["data"], data="solids", task="3D denoising")
            _add_restored(m, cell, maps, s)


YARDSTICKS["cgml_denoising_3d"] = _add_solid_yardsticks


def cgml_downstream_3d(m: Measuring) -> None:
    """Table 4, on new solids: a linear layer on what ℋ makes of clean maps, beside it on the maps themselves."""
    s = m.own_settings
    for run in m.whole_runs:
        solids = maker_of(run.settings["data"])
        splits = solids(s["probe_train"], seed=PROBE_SEED), solids(s["probe_test"], seed=TEST_SEED)
        encoders: dict[str, Any] = {run.arm: _evaluated(m, run).h}
        if run.arm == "cGML":
            encoders |= {UNTRAINED: _evaluated(m, run.untrained).h, "maps": lambda maps: (maps,)}
        for model, h in encoders.items():
            train, test = ((_features(m, h, moments), families) for moments, families in splits)
            probe = linear_layer(train, test)
            cell = m.cell(run, model=model, data="solids", task="3D classification")
            cell.add("accuracy", 100 * probe.accuracy, "higher", "%", of="clean maps of new solids", **probe.parts)


@torch.no_grad()
def _features(m: Measuring, h: Any, moments: np.ndarray) -> np.ndarray:
    """The bottleneck's (n, d)."""
    return h(to_maps(torch.from_numpy(moments).to(m.device)))[-1].flatten(1).cpu().numpy()
