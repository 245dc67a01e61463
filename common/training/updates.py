"""Updates one after another, through one object that decides how each is executed."""

import torch
from torch import Tensor

from common.data.batches import Batches
from common.training.distributed import mean_over_processes
from common.training.method import Method


class Updates:
    """``updates(t)`` does update t of a method and returns its curves (k,), on the device.

    Each is prepared, run and completed as :class:`Method` says. Today every kind of update runs eagerly, whatever
    :meth:`Method.kind` says of it; what repeats a kind without Python, such as a captured graph, belongs here and
    nowhere else.
    """

    def __init__(self, method: Method, batches: Batches):
        self.method, self.batches = method, batches

    def __call__(self, t: int) -> Tensor:
        logged = self.method.update(t, self.batches)
        return mean_over_processes(torch.stack([logged[name].detach().float() for name in self.method.curves]))
