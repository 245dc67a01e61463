"""What each experiment of *Temporal Generative Adversarial Nets* measures."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from common.data.batches import to_float, to_uint8
from common.data.clips import ClipReader
from common.evaluation.features import extract
from common.evaluation.measuring import Measuring
from common.evaluation.metrics.scores import accuracy
from common.evaluation.sampling import seed_sampling
from common.evaluation.videos import held_out
from common.nn.video import GaussianNoise
from common.training.video import VideoMethod
from reproductions.tgan.gam import Values, adversarial_metric

SHOWN = 16
FAILED_LOSS = 1e3
BETWEEN = 4  # steps from one frame to the next, where frames are interpolated for pictures


def tgan_ucf101(m: Measuring) -> None:
    """Table 4 and Figure 4."""
    evaluator = m.evaluator()
    dataset = evaluator.data.card["data"]
    name = "UCF-101 dataset" if dataset == "ucf101" else "data"  # Table 4's only where it is that
    for seed in m.seeds:
        real = evaluator.of_data(seed)
        m.cell_of(name, seed, dataset).add_numbers(real.numbers)
    m.sheet("data", real.samples[:SHOWN])
    m.evaluate_runs(evaluator, shown=SHOWN)


tgan_golf = tgan_ucf101  # Figure 5


def tgan_clipping_stability(m: Measuring) -> None:
    """Figure 2: the generator's loss along the training, and how near to the data it ends."""
    evaluator = m.evaluator()
    distances = evaluator.only("frechet")
    for run in m.runs:
        loss, cell = run.curves["generator_loss"], m.cell(run)
        cell.curve("generator_loss", np.arange(1, len(loss) + 1), loss)
        cell.add_numbers(evaluator.evaluate(run).numbers)
        finite = loss[np.isfinite(loss)]
        failed = run.failed or np.abs(finite).max(initial=0) > FAILED_LOSS
        cell.add("failed", float(failed), "lower", of=f"a loss that is not finite or beyond {FAILED_LOSS:g}")
        of = "standard deviation of the generator's loss, second half of training"
        cell.add("loss_deviation", float(finite[len(finite) // 2 :].std()), "lower", of=of)
        if evaluator.networks:
            start, end = (each["frechet"].value for each in distances.along(run, (0, None)))
            of = "Fréchet distance to the data after training over that before"
            cell.add("distance_left", end / start, "lower", of=of)


def tgan_conditional(m: Measuring) -> None:
    """Figure 7: is what is generated what the label asked for? The classifier of the scores decides."""
    evaluator = m.evaluator()
    real, network = evaluator.data, evaluator.networks[-1]  # of C3D the one without dropout
    for run in m.runs:
        classes, wanted = run.settings["classes"], np.arange(evaluator.count) % run.settings["classes"]
        clips, found = np.zeros((len(wanted), *real.samples.shape[1:]), np.uint8), 0.0
        if not run.failed:
            method = m.method(run)
            seed_sampling(run.seed)
            clips = np.concatenate(list(evaluator.draw(method, torch.from_numpy(wanted).to(m.device))))
            found = accuracy(extract(network, clips).predicted, wanted)
        cell = m.cell(run)
        cell.add("label_accuracy", found, "higher", **network.protocol, n_fake=len(wanted), classes=classes)
        cell.add("times_chance", found * classes, "higher", of="label_accuracy times the number of classes")
        if m.shown(run):
            shown = min(classes, 10)
            places = [place for k in range(shown) for place in (k, k + classes) if place < len(clips)]
            m.sheet("asked for", clips[places])
            firsts = [np.flatnonzero(real.labels == k)[:1] for k in range(shown)]
            m.sheet("data", real.samples[np.concatenate(firsts)])


def tgan_moving_mnist_gam(m: Measuring) -> None:
    """Table 3 and Figure 3."""
    s = m.settings("TGAN")
    count = s["gam_samples"]
    unseen = held_out(s, m.config, count)
    real = to_float(ClipReader(unseen.samples, m.device)(torch.arange(len(unseen.samples))))
    methods: dict[tuple[str, int], VideoMethod] = {}
    fakes: dict[tuple[str, int], torch.Tensor] = {}
    for run in m.runs:
        key, shown = (run.arm, run.seed), np.zeros((SHOWN, *unseen.samples.shape[1:]), np.uint8)
        if not run.failed:  # its critic is gone too: it has no games
            methods[key] = m.method(run)
            seed_sampling(run.seed)
            fakes[key] = methods[key].sample(count)
            shown = to_uint8(fakes[key][:SHOWN]).cpu().numpy()
            one, other = fakes[key][: 2 * (count // 2)].chunk(2)
            diversity, of = float((one - other).abs().mean()), "mean |difference| of two videos, pixels in [-1,1]"
            m.cell(run, unseen.card["data"]).add("pixel_diversity", diversity, "higher", of=of, pairs=len(one))
        if m.shown(run):
            m.sheet(run.arm, shown)
    m.sheet("data", to_uint8(real[:SHOWN]).cpu().numpy())
    for arm in m.experiment.arms[1:]:
        for seed in m.seeds:
            a, b = ("TGAN", seed), (arm, seed)
            if a not in methods or b not in methods:
                continue
            of_a, of_b = _values(methods[a]), _values(methods[b])
            found = adversarial_metric(
                Values(of_a(real), of_a(fakes[a]), of_a(fakes[b])), Values(of_b(real), of_b(fakes[b]), of_b(fakes[a]))
            )
            cell = m.cell_of("TGAN", seed, unseen.card["data"], against=arm)
            parts = {**found.parts, "critics": "batch statistics, without noise", "real": "held-out clips"}
            cell.add("GAM", found.score, "higher", **parts)
            cell.add("GAM_test_ratio", found.test_ratio, "target", **parts)


def _values(method: VideoMethod) -> Callable[[torch.Tensor], np.ndarray]:
    """The critic's value of each video, with batch statistics as in training, whole batches of one kind."""
    method.f.train()
    for module in method.f.modules():
        if isinstance(module, GaussianNoise):
            module.eval()
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.0  # values are read, nothing is learnt

    def values(videos: torch.Tensor) -> np.ndarray:
        size = method.settings["batch_size"]
        whole = videos[: len(videos) - len(videos) % size]
        with torch.no_grad():
            return torch.cat([method.critic(batch, None) for batch in whole.split(size)]).cpu().numpy()

    return values


def tgan_frame_interpolation(m: Measuring) -> None:
    """Figure 6: the trajectory of z₁ interpolated linearly (Section 5.1), against a dissolve of the frames."""
    count = m.settings("TGAN")["paths"]
    for run in m.whole_runs:
        method = m.method(run)
        seed_sampling(run.seed)
        z0 = method.noise(count)
        with method.evaluating():
            path = method.g.trajectory(z0)
            frames = method.g.frames(z0, path)
            halves = method.g.frames(z0, interpolated(path, 2))
        before, after, between = frames[:, :, :-1], frames[:, :, 1:], halves[:, :, 1::2]
        step, dissolve = _mean(after - before) + 1e-12, (before + after) / 2
        cell, contrast, n = m.cell(run), _contrast(frames), {"videos": count}
        cell.add("frames", halves.shape[2], "target", of="length of the interpolated video", **n)
        of = "mean |difference| at the times that the generator gives itself"
        cell.add("difference_at_frames", _mean(halves[:, :, ::2] - frames), "lower", of=of, **n)
        of = "change to the frame between, as a share of the change to the next (0.5 for a dissolve)"
        cell.add("share_of_way", _mean(between - before) / step, "target", of=of, **n)
        of = "distance from the dissolve, as a share of the change to the next frame"
        cell.add("off_dissolve", _mean(between - dissolve) / step, "higher", of=of, **n)
        of = "mean squared gradient between frames over that of frames"
        cell.add("contrast_kept", _contrast(between) / contrast, "higher", of=of, **n)
        cell.add("contrast_of_dissolve", _contrast(dissolve) / contrast, "higher", of="the same of a dissolve", **n)
        if m.shown(run):
            with method.evaluating():
                finer = method.g.frames(z0[:8], interpolated(path[:8], BETWEEN))
            steps = torch.linspace(0, 1, BETWEEN + 1, device=m.device)[:-1]
            blends = [torch.lerp(before[:8], after[:8], step) for step in steps]
            dissolved = torch.stack(blends, dim=3).flatten(2, 3)
            for name, videos in (("interpolated", finer), ("frames", frames[:8]), ("dissolve", dissolved)):
                m.sheet(name, to_uint8(videos).cpu().numpy())


def interpolated(path: torch.Tensor, factor: int) -> torch.Tensor:
    """A trajectory (n, d, T) with ``factor`` steps from each point to the next: (n, d, factor (T − 1) + 1)."""
    length = factor * (path.shape[2] - 1) + 1
    return nn.functional.interpolate(path, size=length, mode="linear", align_corners=True)


def _mean(difference: torch.Tensor) -> float:
    return float(difference.abs().mean())


def _contrast(videos: torch.Tensor) -> float:
    """Mean squared gradient of the frames; never 0, so that ratios stay finite."""
    return float(videos.diff(dim=-1).square().mean() + videos.diff(dim=-2).square().mean()) + 1e-12
