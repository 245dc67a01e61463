"""What each experiment of MR-GAN measures besides the metrics that it lists."""

from functools import partial

import numpy as np
import torch

from common.data.synthetic.points import EIGHT_GAUSSIANS_RADIUS
from common.evaluation.measuring import Measuring
from common.evaluation.metrics.coverage import Coverage, coverage, nearest_mode
from common.evaluation.sampling import seed_sampling

MODES = EIGHT_GAUSSIANS_RADIUS * np.stack([f(np.arange(8) * np.pi / 4) for f in (np.cos, np.sin)], axis=1)
NEAR = 0.3  # of a mode; its deviation is 0.02, modes are 1.5 apart
CAPTURED = 0.04  # least share of an even share of the samples: 0.5 % of all


# Table 5.1
mrgan_cityscapes = partial(Measuring.evaluate_runs, task="translation")
mrgan_celeba_superresolution = partial(Measuring.evaluate_runs, task="super-resolution")
mrgan_celeba_inpainting = partial(Measuring.evaluate_runs, task="inpainting")


def mrgan_mode_collapse(m: Measuring) -> None:
    """Appendix C: how many of the eight modes samples lie at, and how many samples lie at any."""
    for run in m.runs:
        count = run.settings["evaluation_samples"]
        found, points = Coverage(0, 0.0, 0.0), np.empty((0, 2))
        if not run.failed:
            method = m.method(run, torch.device("cpu"))
            seed_sampling(run.seed)
            points = method.sample(count).numpy()
            found = coverage(nearest_mode(points, MODES, NEAR), len(MODES), CAPTURED)
        cell = m.cell(run)
        text = {"n_fake": count, "near": NEAR, "captured": f"{CAPTURED / len(MODES):g} of all samples"}
        cell.add("modes", found.modes, "higher", **text)
        cell.add("captures_all_modes", found.modes == len(MODES), "higher", **text)
        cell.add("near_a_mode", found.quality, "higher", **text)
        if m.shown(run):
            m.sheet(run.arm, points[:1000])
            m.sheet("data", np.array(m.data(run.settings).samples[:1000]))
