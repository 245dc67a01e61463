"""What each experiment of cGML measures."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data.batches import to_float, to_uint8
from common.data.tinted import HUES, colours
from common.measuring import Measuring, Run
from common.metrics.images import PROTOCOL, PieAPP, psnr, ssim
from common.metrics.perceptual import perceptual_distance
from common.metrics.protocol import protocol
from common.training.launch import build_method, compute_device
from common.training.loop import load_snapshot
from common.translation.judging import held_out_samples
from common.translation.networks import UNet
from reproductions.cgml.colour import AB_RANGE, histogram_iou
from reproductions.cgml.counted import ColourClassifier, ContextEncoder, OnePass, operations
from reproductions.cgml.method import CGML

LOW, HIGH = 0.3, 1.0  # where the branches are far enough apart to tell them
NEAR = 0.25  # of a branch's own size: closer than this an output belongs to it
WITHOUT = "cGML (w/o ρ)"
CPU = torch.device("cpu")


def branch(x: Tensor) -> Tensor:
    """4 (x, x², x³) of x (n, 1); the other branch is its negative."""
    return 4 * torch.cat([x, x**2, x**3], dim=1)


def loaded(m: Measuring, run: Run, device: torch.device = CPU, snapshot: int = -1) -> Any:
    """The method as it was at a snapshot, by default the last."""
    method = build_method(run.settings, m.data(run.settings).shape, device)
    load_snapshot(run.folder, run.record["snapshots"][snapshot], method)
    method.evaluating()
    return method


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


BETTER = {"near_branch": "higher", "phantom_share": "lower", "rarer_branch": "higher", "error": "lower"}


def cgml_toy(m: Measuring) -> None:
    """Figure 3: both branches, phantom outputs, E[ρ] near the branches and away from them."""
    for run in m.runs:
        method, s = loaded(m, run), run.settings
        text = {
            "x": f"{s['positions']} from {LOW:g} to {HIGH:g}",
            "starts": s["starts"],
            "near": f"{NEAR:g} of the branch",
        }

        def add(metric: str, value: float, model: str, better: str = "", run=run, text=text, **more: Any) -> None:
            m.add(model=model, seed=run.seed, dataset="cubic branches", metric=metric, value=value, better=better,
                  protocol=protocol(metric, **text, **more), note=run.note, task="toy")  # fmt: skip

        if run.arm == "L1":
            x = torch.linspace(LOW, HIGH, s["positions"])[:, None]
            y = method.outputs(x, 1)[:, 0]
            for metric, value in _outcome(x, y).items():
                add(metric, value, "L1", BETTER[metric])
            add("y", float(y.mean()), "L1", of="mean output of all coordinates")
            if run.seed == m.seeds[0]:
                m.sheet("outputs|L1", torch.cat([x, y], dim=1).numpy())
            continue
        x, walks = _walks(m, run, method)
        for model, walk in walks.items():
            for metric, value in _outcome(x, walk[-1][1]).items():
                add(metric, value, model, BETTER[metric], steps=s["inner_steps"])
            add("error_at_start", _outcome(x, walk[0][1])["error"], model, steps=0)
            steps = np.arange(len(walk))
            for metric in ("error", "phantom_share"):
                values = np.array([_outcome(x, y)[metric] for _, y, _ in walk])
                m.curve(model=model, seed=run.seed, name=metric, steps=steps, values=values)
            if run.seed == m.seeds[0]:
                m.sheet(f"outputs|{model}", torch.cat([x, walk[-1][1]], dim=1).numpy()[:: max(len(x) // 2000, 1)])
        outputs, momenta = (torch.cat([step[k] for step in walks[run.arm]]) for k in (1, 2))
        xs = x.repeat(len(walks[run.arm]), 1)
        near = relative_distances(xs, outputs).min(dim=0).values < NEAR
        for metric, chosen in (("momentum_near", near), ("momentum_away", ~near)):
            value = float(momenta[chosen].mean()) if chosen.any() else float("nan")
            add(metric, value, run.arm, of="mean of E[rho] over all steps")
        if run.seed == m.seeds[0]:
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
    for run in m.runs:
        method, s = loaded(m, run), run.settings
        x, walks = _walks(m, run, method)
        for (_, walk), with_rho in zip(walks.items(), ("yes", "no"), strict=True):
            text = {
                "x": f"{s['positions']} from {LOW:g} to {HIGH:g}",
                "starts": s["starts"],
                "near": f"{NEAR:g} of the branch",
            }
            for metric, value in _outcome(x, walk[-1][1]).items():
                m.add(model=run.arm, seed=run.seed, dataset="cubic branches", metric=metric, value=value,
                      better=BETTER[metric], protocol=protocol(metric, **text), note=run.note,
                      rho=with_rho)  # fmt: skip


def cgml_toy_uncertainty(m: Measuring) -> None:
    """Figure 22: variance of outputs under noise on the codes where inference ends, over x."""
    draws = 50
    for run in m.runs:
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
        for metric, low, high in (("variance_inside", 0.0, 0.5), ("variance_outside", 1.0, 1.5)):
            value = float(variance[(positions >= low) & (positions <= high)].mean())
            what = protocol(metric, of=f"x from {low:g} to {high:g}", **text)
            m.add(model=run.arm, seed=run.seed, dataset="cubic branches", metric=metric, value=value, protocol=what,
                  note=run.note)  # fmt: skip
        m.curve(model=run.arm, seed=run.seed, name="variance", steps=positions.numpy(), values=variance.numpy())


# --- Images --------------------------------------------------------------------------------------------------------

AT_ONCE = 16  # test images
DIVERSE = 10  # of the outputs whose mean pixels differ most (Appendix 3.4)


def diversity(images: np.ndarray) -> float:
    """Appendix 3.4, of uint8 images (inputs, outputs, h, w, c), in units of the range of pixels.

    Of each input's outputs the one whose mean pixel is nearest to the mean of all; the ten outputs whose mean pixels
    are farthest from its; and the standard deviation of those ten, mean over pixels and channels.
    """
    values = images.astype(np.float32) / 255
    found = []
    for outputs in values:
        means = outputs.mean(axis=(1, 2, 3))
        middle = np.abs(means - means.mean()).argmin()
        chosen = np.argsort(-np.abs(means - means[middle]), kind="stable")[:DIVERSE]
        found.append(outputs[chosen].std(axis=0).mean())
    return float(np.mean(found))


class ImageJudge:
    """What an experiment's runs make of its test images; all arms share data and problem. ``structure``: SSIM too."""

    def __init__(self, m: Measuring, device: torch.device, *, structure: bool = True):
        self.m, self.device, self.structure = m, device, structure
        self.s = s = m.settings(m.experiment.arms[0])
        self.name = m.data(s).card["data"]
        self.samples = held_out_samples(m, s)
        self.distances: list[Any] = []
        if s["perceptual"] != "none":
            self.distances.append(perceptual_distance(s["perceptual"], m.config, device))
        if s["pieapp"]:
            self.distances.append(PieAPP(m.config, device))

    def load(self, run: Run) -> Any:
        self.method = loaded(self.m, run, self.device)
        return self.method

    def models(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """The models that one training serves, and how each infers."""
        if isinstance(self.method, CGML):
            without = name.replace("cGML", WITHOUT) if "cGML" in name else f"{name} (w/o ρ)"
            return [(name, {}), (without, {"momentum": False})]
        return [(name, {})]

    def judge(
        self, run: Run, name: str | None = None, corruption: float | None = None, **condition: Any
    ) -> dict[str, np.ndarray]:
        """Adds PSNR, SSIM, perceptual distances and diversity of every model of one run; ``name``: for the arm's.

        Returns what figures show: pictures (inputs, h, w, c) by column, "truth" and "input" first.
        """
        method = self.load(run)
        if corruption is not None:
            method.problem.corruption = corruption
        shown: dict[str, np.ndarray] = {}
        models = self.models(name or run.arm)
        for model, how in models:
            self.common = {
                "model": model, "seed": run.seed, "dataset": self.name, "note": run.note, **condition,
            }  # fmt: skip
            torch.manual_seed(1000 + run.seed)
            parts = [self.pictures(block, how) for block in self.blocks()]
            given, truth, images = (np.concatenate(column) for column in zip(*parts, strict=True))
            if run.diverged:
                images[:] = 127
            self._against_truth(images, truth)
            if len(models) > 1:
                self._diversity(images, how)
            shown = {"truth": truth, "input": given} | shown | {model: images}
        return shown

    def blocks(self) -> Iterator[Tensor]:
        for start in range(0, len(self.samples), AT_ONCE):
            yield to_float(torch.from_numpy(np.array(self.samples[start : start + AT_ONCE])).to(self.device))

    @torch.no_grad()
    def pictures(self, block: Tensor, how: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, truths and outputs (n, outputs_per_input, h, w, c), uint8."""
        problem, count = self.method.problem, self.s["outputs_per_input"]
        x, y = problem.pair(block, training=False)
        outputs = self.method.outputs(x, count, **how).flatten(0, 1)
        pictures = to_uint8(problem.picture(x.repeat_interleave(count, dim=0), outputs)).cpu().numpy()
        given = to_uint8(problem.picture(x, torch.zeros_like(y))).cpu().numpy()
        truth = to_uint8(problem.picture(x, y)).cpu().numpy()
        return given, truth, pictures.reshape(len(x), count, *pictures.shape[1:])

    def _against_truth(self, images: np.ndarray, truth: np.ndarray) -> None:
        inputs, count = images.shape[:2]
        if (images[:, :1] == images).all():  # a model with one output: the rest need not be judged
            images = images[:, :1]
        flat = images.reshape(-1, *images.shape[2:])
        truths = truth.repeat(images.shape[1], axis=0)
        sampled = {"inputs": inputs, "outputs": count}
        metrics: list[tuple] = [("PSNR", psnr, PROTOCOL["PSNR"], "higher", "dB")]
        metrics += [("SSIM", ssim, PROTOCOL["SSIM"], "higher", "")] if self.structure else []
        metrics += [(distance.name, distance, distance.protocol, "lower", "") for distance in self.distances]
        for name, function, parts, better, unit in metrics:
            values = function(flat, truths).reshape(inputs, -1)
            best = values.max(axis=1) if better == "higher" else values.min(axis=1)
            for metric, value in ((name, values.mean()), (f"{name}_best", best.mean())):
                text = protocol(metric, **parts, **sampled, scored="mean" if metric == name else "best output an input")
                self.m.add(metric=metric, value=value, better=better, unit=unit, protocol=text, **self.common)

    def _diversity(self, images: np.ndarray, how: dict[str, Any]) -> None:
        found = [diversity(images)]
        for trial in range(1, self.s["trials"]):
            torch.manual_seed(1000 * (trial + 1))
            found.append(diversity(self.pictures(next(self.blocks()), how)[2]))
        text = protocol("diversity", outputs=images.shape[1], farthest=DIVERSE, trials=len(found), range="[0,1]",
                        first_trial=f"{len(images)} inputs", others=f"{AT_ONCE} inputs")  # fmt: skip
        self.m.add(metric="diversity", value=float(np.mean(found)), better="higher", protocol=text, **self.common)


def walk_errors(judge: ImageJudge, run: Run) -> None:
    """Ê along the steps of inference, with ρ (Figures 6 and 40), as a curve; and at the start and end as numbers."""
    method = judge.method
    steps = range(run.settings["inner_steps"] + 1)
    torch.manual_seed(1000 + run.seed)
    block = next(judge.blocks())
    with torch.no_grad():
        x, y = method.problem.pair(block, training=False)
        h = method.h(x)
        walk = method.walk(h, method.codes(len(x)), momentum=True)
        errors = [float(method.problem.errors(method.g(h, z), y, x).mean()) for z, _ in walk]
    judge.m.curve(model=run.arm, seed=run.seed, name="error", steps=np.array(steps), values=np.array(errors))
    for metric, value in (("error_at_start", errors[0]), ("error_at_end", errors[-1])):
        judge.m.add(model=run.arm, seed=run.seed, dataset=judge.name, metric=metric, value=value, better="lower",
                    protocol=protocol(metric, of="mean absolute difference", inputs=len(x)), note=run.note)  # fmt: skip


@torch.no_grad()
def _along(judge: ImageJudge, inputs: int = 4, places: int = 6) -> np.ndarray:
    """Pictures of one random code an input along the steps of inference: (inputs × places, h, w, c)."""
    method = judge.method
    torch.manual_seed(0)
    x, _ = method.problem.pair(next(judge.blocks())[:inputs], training=False)
    h = method.h(x)
    walk = method.walk(h, method.codes(len(x)), momentum=True)
    chosen = np.linspace(0, len(walk) - 1, places).round().astype(int)
    rows = [to_uint8(method.problem.picture(x, method.g(h, walk[k][0]))).cpu().numpy() for k in chosen]
    return np.stack(rows, axis=1).reshape(-1, *rows[0].shape[1:])


def _keep(m: Measuring, shown: dict[str, np.ndarray], inputs: int) -> None:
    """The first pictures of every column, for the figures; of several outputs the first twelve."""
    for name, images in shown.items():
        part = images[:inputs] if images.ndim == 4 else images[:inputs, :12]
        m.sheet(f"picture|{name}", part)


def cgml_colorization(m: Measuring) -> None:
    """Tables 2 and 8, Figures 6, 7, 10 and 33; on tinted garments the share of the four true colourings too."""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        where = {"data": "STL", "task": "colorization"}
        for run in m.runs:
            shown = judge.judge(run, **where)
            for model, images in list(shown.items())[2:]:
                _colours(m, run, judge, model, images, shown["truth"], where)
            if run.arm == "cGML":
                walk_errors(judge, run)
            if run.seed == m.seeds[0]:
                _keep(m, shown, 8)
                if run.arm == "cGML":
                    m.sheet("along", _along(judge))


def _ab(images: np.ndarray) -> np.ndarray:
    """a and b (…, 2) of uint8 images, over AB_RANGE."""
    from skimage.color import rgb2lab

    return rgb2lab(images)[..., 1:] / AB_RANGE


def _colours(
    m: Measuring, run: Run, judge: ImageJudge, model: str, images: np.ndarray, truth: np.ndarray, where: dict[str, str]
) -> None:
    """Table 8, and how far from grey; on tinted garments which of the true tints outputs have."""
    common = {"model": model, "seed": run.seed, "dataset": judge.name, "note": run.note, **where}
    ab, true_ab = _ab(images), _ab(truth)
    sampled = {"inputs": len(images), "outputs": images.shape[1]}
    for plane, name in enumerate("ab"):
        text = protocol(f"iou_{name}", bins="100 of [-110,110]", **sampled)
        value = histogram_iou(ab[..., plane], true_ab[..., plane])
        m.add(metric=f"iou_{name}", value=value, better="higher", protocol=text, **common)
        if run.seed == m.seeds[0]:
            for who, values in ((model, ab), ("truth", true_ab)):
                m.sheet(
                    f"plane {name}|{who}", np.histogram(values[..., plane], 40, (-0.5, 0.5))[0] / values[..., 0].size
                )
    share = np.linalg.norm(ab, axis=-1).mean() / np.linalg.norm(true_ab, axis=-1).mean()
    text = protocol("colourfulness", of="mean chroma over the truth's", **sampled)
    m.add(metric="colourfulness", value=share, better="target", protocol=text, **common)
    if judge.name == "tinted_garments":
        tints = _tints(truth, ab)
        text = protocol("true_tint", of="outputs within half the chroma of one of 4 true colourings", **sampled)
        m.add(metric="true_tint", value=(tints >= 0).mean(), better="higher", protocol=text, **common)
        modes = np.mean([len(set(row[row >= 0])) for row in tints])
        text = protocol("modes_per_input", of="4 true colourings", **sampled)
        m.add(metric="modes_per_input", value=modes, better="higher", protocol=text, **common)


def _tints(truth: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Which true colouring each output (inputs, outputs, h, w, 2) is: -1 where none is within half its chroma."""
    from skimage.color import rgb2lab

    lightness = rgb2lab(truth)[..., 0]
    wanted = np.stack([colours(lightness, np.full(len(truth), k)) for k in range(len(HUES))], axis=1) / AB_RANGE
    apart = np.linalg.norm(ab[:, :, None] - wanted[:, None], axis=-1).mean(axis=(3, 4))  # inputs, outputs, tints
    size = np.linalg.norm(wanted, axis=-1).mean(axis=(2, 3)).mean(axis=1)
    return np.where(apart.min(axis=2) < size[:, None] / 2, apart.argmin(axis=2), -1)


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
            shown = judge.judge(run, task="completion")
            hole = slice(0, shown["truth"].shape[1] // 2)
            for model, images in [("truth", shown["truth"][:, None]), *list(shown.items())[2:]]:
                if model == "truth" and run.arm != m.experiment.arms[0]:
                    continue
                part = images[:, :, hole]
                grey = ((part > 64) & (part < 191)).mean()
                text = protocol("grey_share", of="pixels of the hole between a quarter and three quarters of white",
                                inputs=len(images), outputs=images.shape[1])  # fmt: skip
                m.add(model=model, seed=run.seed, dataset=judge.name, metric="grey_share", value=grey, better="target",
                      protocol=text, note=run.note, task="completion")  # fmt: skip
            if run.arm == "cGML":
                walk_errors(judge, run)
            if run.seed == m.seeds[0]:
                _keep(m, shown, 10)


def cgml_mnist_white_box(m: Measuring) -> None:
    """Figure 5: for how many digits the outputs of random codes show both modes."""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        for run in m.runs:
            box = judge.load(run).problem.box(CPU).numpy()
            rate = run.settings["box_rate"]
            for model, how in judge.models(run.arm):
                torch.manual_seed(1000 + run.seed)
                images = np.concatenate([judge.pictures(block, how)[2] for block in judge.blocks()])
                has_box = images[..., 0][..., box].mean(axis=-1) > 127
                common = {"model": model, "seed": run.seed, "dataset": judge.name, "note": run.note}
                sampled = {"inputs": len(images), "outputs": images.shape[1], "box": "brighter than the middle grey"}
                both = (has_box.any(axis=1) & ~has_box.all(axis=1)).mean()
                text = protocol("both_modes", of="inputs", **sampled)
                m.add(metric="both_modes", value=both, better="higher", protocol=text, rate=rate, **common)
                text = protocol("box_share", of="outputs", **sampled)
                m.add(metric="box_share", value=has_box.mean(), better="target", protocol=text, rate=rate, **common)
                if run.seed == m.seeds[0] and not how:
                    m.sheet(f"picture|{run.arm}", images[:3, :10])


def cgml_image_completion(m: Measuring) -> None:
    """Table 3"""
    with compute_device(m.config["device"]) as device:
        judge = ImageJudge(m, device)
        for run in m.runs:
            for corruption in judge.s["corruptions"]:
                shown = judge.judge(run, corruption=corruption, mask=f"{corruption:.0%}", task="completion")
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
            text = protocol("flops", size=size, counted="two for a multiplication with an addition", pass_="one")
            for seed in m.seeds:
                m.add(model=model, seed=seed, dataset="not stated", metric="flops", value=count / 1e9, better="lower",
                      unit="1×10^9", protocol=text, **at)  # fmt: skip
