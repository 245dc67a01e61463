"""What each experiment of MR-GAN measures."""

from typing import Any

import numpy as np
import torch

from common.evaluation.measuring import Measuring, cells
from common.evaluation.metrics.coverage import coverage, nearest_mode
from common.evaluation.protocol import protocol
from common.evaluation.sheets import sheet
from common.evaluation.translations import TranslationJudge
from common.training.devices import compute_device

MODES = 2 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
NEAR = 0.3  # of a mode; its deviation is 0.02, modes are 1.5 apart
CAPTURED = 0.04  # least share of an even share of the samples: 0.5 % of all


def _judged(m: Measuring, **condition: Any) -> None:
    """Diversity and quality of every run."""
    with compute_device(m.config["device"]) as device:
        judge = TranslationJudge(m, device)
        for run in m.runs:
            outputs = judge.judge(run, **condition)
            if run.seed == m.seeds[0]:
                m.sheet(f"outputs|{run.arm}", sheet(*outputs))


def mrgan_cityscapes(m: Measuring) -> None:
    """Table 5.1(a)"""
    _judged(m, task="translation")


def mrgan_loss_mismatch(m: Measuring) -> None:
    """Figure 3.1"""
    _judged(m)


def mrgan_loss_combinations(m: Measuring) -> None:
    """Figures F.1 and F.2"""
    _judged(m)


def mrgan_celeba_superresolution(m: Measuring) -> None:
    """Table 5.1(b)"""
    _judged(m, task="super-resolution")


def mrgan_celeba_inpainting(m: Measuring) -> None:
    """Table 5.1(c)"""
    _judged(m, task="inpainting")


def mrgan_mode_collapse(m: Measuring) -> None:
    """Appendix C: how many of the eight modes samples lie at, and how many samples lie at any."""
    for run in m.runs:
        data = m.data(run.settings)
        method = m.trained(run, torch.device("cpu"))
        common = cells(run, data) | {"better": "higher"}
        count = run.settings["evaluation_samples"]
        torch.manual_seed(1000 + run.seed)
        points = method.sample(count).numpy()
        if run.diverged:  # the last snapshot is from before: nothing is left of it
            points[:] = 1e3
        found = coverage(nearest_mode(points, MODES, NEAR), len(MODES), CAPTURED)
        text = {"n_fake": count, "near": NEAR, "captured": f"{CAPTURED / len(MODES):g} of all samples"}
        m.add(metric="modes", value=found.modes, protocol=protocol("modes", **text), **common)
        all_modes = found.modes == len(MODES)
        m.add(metric="captures_all_modes", value=all_modes, protocol=protocol("captures_all_modes", **text), **common)
        m.add(metric="near_a_mode", value=found.quality, protocol=protocol("near_a_mode", **text), **common)
        if run.seed == m.seeds[0]:
            m.sheet(run.arm, points[:1000])
            m.sheet("data", np.array(data.samples[:1000]))
