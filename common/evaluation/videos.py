"""How good a run's videos are: one pass of the experiment's video network over them, and how much they move."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from common.base.errors import UserError
from common.data.batches import to_uint8
from common.data.clips import Clips
from common.data.prepare import Prepared
from common.data.registry import entry
from common.evaluation.features import Features, extract, real_part, reference
from common.evaluation.measuring import Measuring, Run, cells
from common.evaluation.metrics.frechet import frechet_distance
from common.evaluation.metrics.scores import inception_score
from common.evaluation.metrics.video import frame_change
from common.evaluation.networks import FeatureNetwork, metric_name
from common.evaluation.protocol import protocol
from common.training.method import Method
from common.training.video import AT_ONCE

SHOWN = 64  # videos that a judgement keeps for pictures


def trained(m: Measuring, run: Run, device: torch.device, seed: int = 1000, step: int | None = None) -> Method:
    """The method as it was after training, or after ``step`` updates; torch's generator at ``seed`` + the run's."""
    method = m.trained(run, device, step)
    torch.manual_seed(seed + run.seed)
    return method


def shown_of(videos: torch.Tensor, run: Run, step: int | None = None) -> np.ndarray:
    """A method's videos as they are judged and shown, (n, frames, height, width, channels) uint8; of a training that
    diverged, after its last snapshot (``step``: another), grey ones. Of longer videos every ``judged_every``-th frame.
    """
    if (run.diverged and step in (None, run.record["snapshots"][-1])) or not videos.isfinite().all():
        videos = torch.zeros_like(videos)
    return to_uint8(videos[:, :, :: run.settings["judged_every"]]).cpu().numpy()


def held_out(m: Measuring, settings: Mapping[str, Any], count: int) -> Prepared:
    """``count`` videos that no training saw: drawn anew where they are made on the spot, else those of the files that
    come after the ``data_count`` of training.
    """
    name = settings["data"]
    if not entry(name)["files"] and name not in m.config["local"]:
        return m.data({**settings, "split": "test", "data_count": count})
    if not settings.get("data_count"):
        raise UserError(
            f"{m.experiment.name} needs the setting data_count, so that further videos of {name} are held out"
        )
    return m.data({**settings, "data_count": count, "data_from": settings["data_count"]})


def real_clips(clips: Clips, count: int, seed: int | list[int]) -> Iterator[np.ndarray]:
    """``count`` clips at random places of random videos, in blocks; videos repeat only where there are fewer."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(clips), count, replace=count > len(clips))
    for part in np.array_split(chosen, -(-len(chosen) // AT_ONCE)):
        yield clips.frames[clips.numbers(part, rng.uniform(size=len(part)))]


def add_frame_change(m: Measuring, value: float, count: int, common: Mapping[str, Any]) -> None:
    """How much ``count`` videos change from frame to frame: what no content distance or score should stand without."""
    text = protocol("frame_change", of="mean |difference| of successive frames, grey levels", n=count)
    m.add(metric="frame_change", value=value, better="target", protocol=text, **common)


class VideoJudge:
    """Judges an experiment's runs; all of its arms share the data, ``features``, ``evaluation_samples``, ``trials`` (of
    sampling anew, the first one is shown) and ``reference_samples``. Clips are as long as the first own arm's.

    ``more_features`` names further networks whose scores stand beside.
    """

    def __init__(self, m: Measuring, device: torch.device):
        self.m, self.device = m, device
        self.s = s = m.shared_settings
        self.data = m.data(s)
        self.count, self.frames, self.trials = s["evaluation_samples"], s["frames"], s["trials"]
        self.networks: list[FeatureNetwork] = [m.feature_network(s, device)] if s["features"] != "none" else []
        for name in s.get("more_features", []):
            self.networks.append(m.feature_network({"features": name}, device))
        self.references = {
            network.name: reference(network, self.data, m.config["data"], count=s["reference_samples"])
            for network in self.networks
            if not network.stochastic
        }

    def videos(
        self, run: Run, method: Method, count: int, labels: torch.Tensor | None = None, step: int | None = None
    ) -> Iterator[np.ndarray]:
        """``count`` judged clips, a block at a time; ``labels`` (count,) where the model is told them; ``step`` where
        it is not as training left it.
        """
        for start in range(0, count, AT_ONCE):
            chosen = {} if labels is None else {"labels": labels[start : start + AT_ONCE]}
            videos = method.sample(min(AT_ONCE, count - start), **chosen)
            yield shown_of(videos, run, step)[:, : self.frames]

    def judge(self, run: Run, **more: Any) -> np.ndarray:
        """Adds a run's scores, distances and motion; returns SHOWN of its clips. ``more``: the model's name (its arm
        unless stated), a dataset, conditions.
        """
        method = trained(self.m, run, self.device)

        def clips(trial: int) -> Iterator[np.ndarray]:
            torch.manual_seed(1000 + 100 * trial + run.seed)
            return self.videos(run, method, self.count)

        common = cells(run, self.data) | more
        self._add_scores(clips, "evaluation mode", common)
        return self._add_motion(clips(0), common)

    def judge_clips(self, clips: np.ndarray, sampling: str, **common: Any) -> None:
        """The scores and distances of clips (n, frames, height, width, channels) uint8 that no run of ours made."""
        self._add_scores(lambda _: iter(np.array_split(clips, -(-len(clips) // AT_ONCE))), sampling, common)

    def judge_data(self, model: str, **more: Any) -> np.ndarray:
        """The same numbers of real clips, which a perfect generator would have, and the network's held-out accuracy."""
        common: dict[str, Any] = {"model": model, "dataset": self.data.card["data"]} | more
        for seed in self.m.seeds:

            def clips(trial: int, seed: int = seed) -> Iterator[np.ndarray]:
                return real_clips(self.data.samples, self.count, [seed, trial])

            self._add_scores(clips, "real clips at random places", common | {"seed": seed})
            shown = self._add_motion(clips(0), common | {"seed": seed})
            for network in self.networks:
                if hasattr(network, "accuracy"):
                    text = protocol("held_out_accuracy", **network.protocol)
                    self.m.add(
                        metric="held_out_accuracy",
                        value=network.accuracy,
                        better="higher",
                        protocol=text,
                        seed=seed,
                        **common,
                    )
        return shown

    def _add_scores(self, clips: Callable[[int], Iterator[np.ndarray]], sampling: str, common: dict[str, Any]) -> None:
        """Means over trials; of scores also what they vary between them. ``clips``: the sample of a trial."""
        added: set[str] = set()
        for network in self.networks:
            found: dict[str, tuple[str, list[float]]] = {}
            for trial in range(self.trials):
                for metric, value, text in self._numbers(network, extract(network, clips(trial)), sampling):
                    found.setdefault(metric, (text, []))[1].append(value)
            for metric, (text, values) in found.items():
                further = {"network": network.name} if metric in added else {}  # the first network's has none
                added.add(metric)
                better = "lower" if metric.startswith(("fd", "FID")) else "higher"
                value = float(np.mean(values))
                self.m.add(metric=metric, value=value, better=better, protocol=text, **common, **further)
                if len(values) > 1 and better == "higher":
                    name, spread = f"{metric}_resampling", float(np.std(values, ddof=1))
                    text = protocol(name, of="deviation over trials of sampling one model", trials=len(values))
                    self.m.add(metric=name, value=spread, protocol=text, **common, **further)

    def _numbers(self, network: FeatureNetwork, features: Features, sampling: str) -> Iterator[tuple[str, float, str]]:
        """Metric, value, protocol of one pass."""
        parts = network.protocol | {"n_fake": features.count, "sampling": sampling, "selection": "last snapshot"}
        if features.logits is not None:
            name = metric_name("score", network)
            score = inception_score(features.logits, splits=1)
            yield name, score.value, protocol(name, **parts, **score.parts, trials=self.trials)
        if network.stochastic:
            return
        name, real = metric_name("fd", network), self.references[network.name]
        value = frechet_distance(features.statistics, real.statistics)
        against = real_part(self.data, self.s["reference_samples"])
        yield (
            name,
            value,
            protocol(name, **parts, n_real=real.count, covariance="n-1", real=against, trials=self.trials),
        )

    def distance(self, run: Run, step: int) -> float:
        """The Fréchet distance after ``step`` updates, which must have a snapshot, on the last network."""
        method = trained(self.m, run, self.device, step=step)
        network = self.networks[-1]
        features = extract(network, self.videos(run, method, self.count, step=step), keep=())
        return frechet_distance(features.statistics, self.references[network.name].statistics)

    def _add_motion(self, clips: Iterator[np.ndarray], common: dict[str, Any]) -> np.ndarray:
        """How much clips move; returns the first SHOWN of them."""
        changes: list[float] = []
        shown: list[np.ndarray] = []
        for block in clips:
            changes += [frame_change(clip) for clip in block]
            shown += list(block[: max(SHOWN - len(shown), 0)].copy())
        add_frame_change(self.m, float(np.mean(changes)), len(changes), common)
        return np.stack(shown)
