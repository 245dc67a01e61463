"""A small image classifier trained in the DAG: the feature network where no published one can be had.

Numbers computed on it carry names of their own (``fd_classifier``): they are not FID.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import to_float
from common.data.prepare import Prepared
from common.errors import UserError
from common.files import atomic_path

BATCH = 128
HELD_OUT = 0.1  # share of the images that only judge the accuracy


class ImageClassifier(nn.Module):
    """Strided 3×3 convolutions with BatchNorm down to 4×4, mean over positions, one linear layer.

    ``features``: (n, 4 × width), the input of the linear layer.
    """

    def __init__(self, image_size: int, channels: int, classes: int, width: int):
        super().__init__()
        layers: list[nn.Module] = []
        before, after = channels, width
        while image_size > 4:
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            before, after, image_size = after, min(2 * after, 4 * width), image_size // 2
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def features(self, images: Tensor) -> Tensor:
        return self.body(images).mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def train_classifier(data: Prepared, path: Path, *, width: int, epochs: int, device: torch.device) -> dict[str, Any]:
    """Train on nine tenths of ``data`` with seed 0 (Adam, one-cycle rate), write ``path``; returns its card.

    The card: held-out accuracy, widths, and the weights' hash that protocol strings carry.
    """
    if data.labels is None:
        raise UserError(f"{data.card['data']} has no labels to train a classifier on; set features: inception")
    torch.manual_seed(0)
    order = torch.randperm(len(data.samples))
    held = int(HELD_OUT * len(order))
    samples, labels = torch.from_numpy(data.samples).to(device), torch.from_numpy(data.labels).to(device)
    channels, size, _ = data.shape
    shape = {"image_size": size, "channels": channels, "classes": int(data.labels.max()) + 1, "width": width}
    network = ImageClassifier(**shape).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters())
    train = order[held:]
    steps = max(len(train) // BATCH, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=epochs * steps)
    for _ in range(epochs):
        shuffled = train[torch.randperm(len(train))].to(device)
        for chosen in shuffled.split(BATCH)[:steps]:
            loss = F.cross_entropy(network(to_float(samples[chosen])), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()
    judged = order[:held].to(device)
    correct = (_forward(network, samples[judged])[1].argmax(dim=1) == labels[judged]).float().mean()

    buffer = io.BytesIO()
    torch.save({"shape": shape, "state": network.cpu().state_dict()}, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return {
        "network": f"classifier({data.card['data']})",
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest()[:12],
        "held_out_accuracy": float(correct),
        "held_out": held,
        **shape,
    }


@torch.no_grad()
def _forward(network: ImageClassifier, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Features and logits of uint8 images (n, height, width, channels), a block at a time."""
    device = next(network.parameters()).device
    blocks = [network.features(to_float(block.to(device))) for block in samples.split(512)]
    features = torch.cat(blocks)
    return features, network.head(features)


def load_classifier(path: Path, device: torch.device) -> ImageClassifier:
    saved = torch.load(path, map_location="cpu", weights_only=True)
    network = ImageClassifier(**saved["shape"])
    network.load_state_dict(saved["state"])
    return network.eval().to(device, memory_format=torch.channels_last)


def classify(network: ImageClassifier, images: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d) and class probabilities (n, classes) of uint8 images (n, height, width, channels)."""
    features, logits = _forward(network, torch.as_tensor(images))
    return features.cpu().numpy(), logits.softmax(dim=1).cpu().numpy()
