"""What each experiment of *Temporal Generative Adversarial Nets* measures."""

import numpy as np
import torch
from torch import nn

from common.data.batches import to_float, to_uint8
from common.data.clips import ClipReader
from common.data.prepare import Prepared
from common.evaluation.features import extract
from common.evaluation.measuring import Measuring, Run, cells
from common.evaluation.metrics.adversarial import adversarial_metric
from common.evaluation.metrics.scores import accuracy
from common.evaluation.protocol import protocol
from common.evaluation.videos import VideoJudge, held_out, trained
from common.nn.video import GaussianNoise
from common.training.devices import compute_device
from common.training.video import VideoMethod

SHOWN = 16
FAILED_LOSS = 1e3
BETWEEN = 4  # steps from one frame to the next, where frames are interpolated for pictures


def tgan_ucf101(m: Measuring) -> None:
    """Table 4 and Figure 4."""
    _judged(m)


def tgan_golf(m: Measuring) -> None:
    """Figure 5"""
    _judged(m)


def _judged(m: Measuring) -> None:
    with compute_device(m.config["device"]) as device:
        judge = VideoJudge(m, device)
        name = "UCF-101 dataset" if judge.data.card["data"] == "ucf101" else "data"  # Table 4's only where it is that
        m.sheet("data", judge.judge_data(name)[:SHOWN])
        for run in m.runs:
            shown = judge.judge(run)
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, shown[:SHOWN])


def tgan_clipping_stability(m: Measuring) -> None:
    """Figure 2: the generator's loss along the training, and how near to the data it ends."""
    with compute_device(m.config["device"]) as device:
        judge = VideoJudge(m, device)
        for run in m.runs:
            loss = run.curves["generator_loss"]
            steps = np.arange(1, len(loss) + 1)
            m.curve(model=run.arm, seed=run.seed, name="generator_loss", steps=steps, values=loss)
            judge.judge(run)
            common = cells(run, judge.data)
            finite = loss[np.isfinite(loss)]
            failed = run.diverged or np.abs(finite).max(initial=0) > FAILED_LOSS
            text = protocol("failed", of=f"a loss that is not finite or beyond {FAILED_LOSS:g}")
            m.add(metric="failed", value=float(failed), better="lower", protocol=text, **common)
            half = finite[len(finite) // 2 :]
            text = protocol("loss_deviation", of="standard deviation of the generator's loss, second half of training")
            m.add(metric="loss_deviation", value=float(half.std()), better="lower", protocol=text, **common)
            if judge.networks:
                start, end = (judge.distance(run, step) for step in (0, run.record["snapshots"][-1]))
                text = protocol("distance_left", of="Fréchet distance to the data after training over that before")
                m.add(metric="distance_left", value=end / start, better="lower", protocol=text, **common)


def tgan_conditional(m: Measuring) -> None:
    """Figure 7: is what is generated what the label asked for? The classifier of the scores decides."""
    with compute_device(m.config["device"]) as device:
        judge = VideoJudge(m, device)
        real, network = judge.data, judge.networks[-1]  # of C3D the one without dropout
        for run in m.runs:
            method = trained(m, run, device)
            classes, wanted = method.classes, np.arange(judge.count) % method.classes
            kept: list[np.ndarray] = []

            def videos(method=method, run=run, wanted=wanted, kept=kept, classes=classes):
                for block in judge.videos(run, method, judge.count, torch.from_numpy(wanted).to(device)):
                    kept.extend(block[: max(2 * classes - len(kept), 0)])
                    yield block

            found = accuracy(extract(network, videos()).predicted, wanted)
            common = cells(run, real)
            text = protocol("label_accuracy", **network.protocol, n_fake=judge.count, classes=classes)
            m.add(metric="label_accuracy", value=found, better="higher", protocol=text, **common)
            text = protocol("times_chance", of="label_accuracy times the number of classes")
            m.add(metric="times_chance", value=found * classes, better="higher", protocol=text, **common)
            if run.seed == m.seeds[0]:
                shown = min(classes, 10)
                places = [place for k in range(shown) for place in (k, k + classes) if place < len(kept)]
                m.sheet("asked for", np.stack([kept[place] for place in places]))
                firsts = [np.flatnonzero(real.labels == k)[:1] for k in range(shown)]
                m.sheet("data", real.samples[np.concatenate(firsts)])


# --- Moving MNIST --------------------------------------------------------------------------------------------------


def tgan_moving_mnist_gam(m: Measuring) -> None:
    """Table 3 and Figure 3."""
    s = m.settings("TGAN")
    count = s["gam_samples"]
    with compute_device(m.config["device"]) as device:
        unseen = held_out(m, s, count)
        real = to_float(ClipReader(unseen.samples, device)(torch.arange(len(unseen.samples))))
        methods: dict[tuple[str, int], VideoMethod] = {}
        fakes: dict[tuple[str, int], torch.Tensor] = {}
        for run in m.runs:
            key = (run.arm, run.seed)
            if run.diverged:  # its critic is gone too: it has no games
                m.sheet(run.arm, np.full((SHOWN, *unseen.samples.shape[1:]), 128, np.uint8))
                continue
            methods[key] = trained(m, run, device)
            fakes[key] = methods[key].sample(count)
            _add_diversity(m, run, fakes[key], unseen)
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, to_uint8(fakes[key][:SHOWN]).cpu().numpy())
        m.sheet("data", to_uint8(real[:SHOWN]).cpu().numpy())
        for arm in m.experiment.arms[1:]:
            for seed in m.seeds:
                a, b = ("TGAN", seed), (arm, seed)
                if a not in methods or b not in methods:
                    continue
                of_a, of_b = _values(methods[a]), _values(methods[b])
                found = adversarial_metric(
                    a_on_real=of_a(real),
                    a_on_own=of_a(fakes[a]),
                    a_on_other=of_a(fakes[b]),
                    b_on_real=of_b(real),
                    b_on_own=of_b(fakes[b]),
                    b_on_other=of_b(fakes[a]),
                )
                common = {"model": "TGAN", "seed": seed, "dataset": unseen.card["data"], "against": arm}
                parts = {**found.parts, "critics": "batch statistics, without noise", "real": "held-out clips"}
                text = protocol("GAM", **parts)
                m.add(metric="GAM", value=found.score, better="higher", protocol=text, **common)
                text = protocol("GAM_test_ratio", **parts)
                m.add(metric="GAM_test_ratio", value=found.test_ratio, better="target", protocol=text, **common)


def _values(method: VideoMethod):
    """The critic's value of each video, with batch statistics as in training, whole batches of one kind."""
    method.f.train()
    for module in method.f.modules():
        if isinstance(module, GaussianNoise):
            module.eval()
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.0  # values are read, nothing is learnt

    def values(videos: torch.Tensor) -> np.ndarray:
        size = method.settings["batch_size"]
        with torch.no_grad():
            parts = [
                method.critic(videos[i : i + size], None) for i in range(0, len(videos) - len(videos) % size, size)
            ]
        return torch.cat(parts).cpu().numpy()

    return values


def _add_diversity(m: Measuring, run: Run, videos: torch.Tensor, data: Prepared) -> None:
    """How much videos differ from one another: little where the generator has collapsed to a few."""
    half = len(videos) // 2
    value = (videos[:half] - videos[half : 2 * half]).abs().mean()
    text = protocol("pixel_diversity", of="mean |difference| of two videos, pixels in [-1,1]", pairs=half)
    m.add(metric="pixel_diversity", value=float(value), better="higher", protocol=text, **cells(run, data))


def tgan_frame_interpolation(m: Measuring) -> None:
    """Figure 6: the trajectory of z₁ interpolated linearly (Section 5.1), against a dissolve of the frames."""
    count = m.settings("TGAN")["paths"]
    with compute_device(m.config["device"]) as device:
        for run in m.runs:
            if run.diverged:
                continue
            method = trained(m, run, device)
            z0 = method.noise(count)
            with method.evaluating():
                path = method.g.trajectory(z0)
                frames = method.g.frames(z0, path)
                halves = method.g.frames(z0, interpolated(path, 2))
            common = cells(run, m.data(run.settings))
            before, after, between = frames[:, :, :-1], frames[:, :, 1:], halves[:, :, 1::2]
            step, dissolve = _mean(after - before) + 1e-12, (before + after) / 2
            for metric, value, better, of in (
                ("frames", halves.shape[2], "target", "length of the interpolated video"),
                (
                    "difference_at_frames",
                    _mean(halves[:, :, ::2] - frames),
                    "lower",
                    "mean |difference| at the times that the generator gives itself",
                ),
                (
                    "share_of_way",
                    _mean(between - before) / step,
                    "target",
                    "change to the frame between, as a share of the change to the next (0.5 for a dissolve)",
                ),
                (
                    "off_dissolve",
                    _mean(between - dissolve) / step,
                    "higher",
                    "distance from the dissolve, as a share of the change to the next frame",
                ),
                (
                    "contrast_kept",
                    _contrast(between) / _contrast(frames),
                    "higher",
                    "mean squared gradient between frames over that of frames",
                ),
                ("contrast_of_dissolve", _contrast(dissolve) / _contrast(frames), "higher", "the same of a dissolve"),
            ):
                text = protocol(metric, of=of, videos=count)
                m.add(metric=metric, value=float(value), better=better, protocol=text, **common)
            if run.seed == m.seeds[0]:
                with method.evaluating():
                    finer = method.g.frames(z0[:8], interpolated(path[:8], BETWEEN))
                m.sheet("interpolated", to_uint8(finer).cpu().numpy())
                m.sheet("frames", to_uint8(frames[:8]).cpu().numpy())
                steps = torch.linspace(0, 1, BETWEEN + 1, device=device)[:-1]
                blends = [torch.lerp(before[:8], after[:8], step) for step in steps]
                m.sheet("dissolve", to_uint8(torch.stack(blends, dim=3).flatten(2, 3)).cpu().numpy())


def interpolated(path: torch.Tensor, factor: int) -> torch.Tensor:
    """A trajectory (n, d, T) with ``factor`` steps from each point to the next: (n, d, factor (T − 1) + 1)."""
    length = factor * (path.shape[2] - 1) + 1
    return nn.functional.interpolate(path, size=length, mode="linear", align_corners=True)


def _mean(difference: torch.Tensor) -> float:
    return float(difference.abs().mean())


def _contrast(videos: torch.Tensor) -> float:
    """Mean squared gradient of the frames; never 0, so that ratios stay finite."""
    return float(videos.diff(dim=-1).square().mean() + videos.diff(dim=-2).square().mean()) + 1e-12
