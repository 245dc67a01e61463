"""A small classifier of images or videos trained in the DAG: the feature network of an experiment's own data.

Numbers computed on it carry names of their own (``fd_classifier``, ``classifier_score``): they are not FID, nor the
Inception score.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.base.errors import UserError
from common.base.files import atomic_path, read_sealed, sealed, sha256
from common.data.batches import to_float
from common.data.clips import ClipReader, Clips
from common.data.prepare import Prepared
from common.evaluation.networks import FeatureNetwork

BATCH = 128
HELD_OUT = 0.1  # share of the samples that only judge the accuracy
SMALLEST = 4  # side at which the strided convolutions stop


class Classifier(nn.Module):
    """Strided 3 × 3 (× 3) convolutions with BatchNorm down to 4 × 4, mean over positions, one linear layer.

    ``shape``: of one sample, (channels, height, width) or (channels, frames, height, width).
    ``features``: (n, up to 4 × width), the input of the linear layer.
    """

    def __init__(self, shape: list[int], classes: int, width: int):
        super().__init__()
        video = len(shape) == 4
        convolution, norm = (nn.Conv3d, nn.BatchNorm3d) if video else (nn.Conv2d, nn.BatchNorm2d)
        before, *extent = shape
        after = width
        layers: list[nn.Module] = []
        while max(extent[-2:]) > SMALLEST:
            stride = [2 if side > 1 else 1 for side in extent]
            layers += [convolution(before, after, 3, stride, 1, bias=False), norm(after), nn.ReLU(inplace=True)]
            before, after = after, min(2 * after, 4 * width)
            extent = [-(-side // step) for side, step in zip(extent, stride, strict=True)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def features(self, samples: Tensor) -> Tensor:
        return self.body(samples).flatten(2).mean(dim=2)

    def forward(self, samples: Tensor) -> Tensor:
        return self.head(self.features(samples))


def _placed(network: Classifier, device: torch.device) -> Classifier:
    """On the device, in the memory order that suits its convolutions."""
    video = any(isinstance(layer, nn.Conv3d) for layer in network.body)
    return network.to(device, memory_format=torch.channels_last_3d if video else torch.channels_last)


def train_classifier(data: Prepared, path: Path, *, width: int, epochs: int, device: torch.device) -> dict[str, Any]:
    """Train on nine tenths of ``data`` with seed 0 (Adam, one-cycle rate), write ``path``; returns its card.

    The card: held-out accuracy, widths, and the weights' hash that protocol strings carry.
    """
    if data.labels is None:
        raise UserError(f"{data.card['data']} has no labels to train a classifier on; set features: efficientnet")
    torch.manual_seed(0)
    order = torch.randperm(len(data.samples))  # as in `seen`
    held = int(HELD_OUT * len(order))
    labels = torch.from_numpy(data.labels).to(device)
    if isinstance(data.samples, Clips):
        clip = ClipReader(data.samples, device)
        training, held_out = (lambda chosen: clip(chosen, torch.rand(len(chosen)))), clip
    else:
        samples = torch.from_numpy(data.samples).to(device)
        training = held_out = samples.__getitem__
    shape = {"shape": list(data.shape), "classes": int(data.labels.max()) + 1, "width": width}
    network = _placed(Classifier(**shape), device)
    optimiser = torch.optim.Adam(network.parameters())
    train = order[held:]
    steps = max(len(train) // BATCH, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=epochs * steps)
    for _ in range(epochs):
        shuffled = train[torch.randperm(len(train))].to(device)
        for chosen in shuffled.split(BATCH)[:steps]:
            loss = F.cross_entropy(network(to_float(training(chosen))), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()
    correct = 0
    with torch.inference_mode():
        for chosen in order[:held].to(device).split(BATCH):
            correct += int((network(to_float(held_out(chosen))).argmax(dim=1) == labels[chosen]).sum())

    buffer = io.BytesIO()
    torch.save({"shape": shape, "state": network.cpu().state_dict()}, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    card = {"network": f"classifier({data.card['data']})", "sha256": hashlib.sha256(buffer.getvalue()).hexdigest()[:12]}
    return sealed(
        {**card, "data": data.fingerprint, "held_out_accuracy": correct / max(held, 1), "held_out": held, **shape}
    )


def seen(count: int) -> np.ndarray:
    """The numbers of the samples, of ``count``, that a classifier of them was trained on."""
    torch.manual_seed(0)
    return torch.randperm(count)[int(HELD_OUT * count) :].numpy()


class TrainedClassifier(FeatureNetwork):
    """The classifier in the file ``path``, with its card beside it (.json)."""

    name = "classifier"
    block = 128

    def __init__(self, path: Path, device: torch.device):
        super().__init__(device)
        card = read_sealed(path.with_suffix(".json"))
        if not sha256(path).startswith(card["sha256"]):
            raise UserError(f"{path} is damaged; delete it and it is trained again")
        saved = torch.load(path, map_location="cpu", weights_only=True)
        self.shape = tuple(saved["shape"]["shape"])
        network = Classifier(**saved["shape"])
        network.load_state_dict(saved["state"])
        self.network = _placed(network.eval().requires_grad_(False), device)
        self.classes = network.head.out_features
        self.accuracy = card["held_out_accuracy"]
        self.protocol = {
            "features": f"{card['network']} ({network.head.in_features})",
            "accuracy": f"{card['held_out_accuracy']:.3f} of {card['held_out']} held out",
            "weights": f"sha256:{card['sha256']}",
            "resize": "none",
            "range": "[-1,1]",
        }

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        floats = to_float(samples)
        if samples.dtype != torch.uint8 or floats.shape[1:] != self.shape:
            raise ValueError(
                f"this classifier was trained on uint8 samples of shape {self.shape} (channels first), "
                f"not {samples.dtype} {tuple(floats.shape[1:])}"
            )
        features = self.network.features(floats)
        return features, self.network.head(features)
