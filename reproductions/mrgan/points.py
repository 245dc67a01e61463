"""The toy's data (Appendix C): pixels lie in [-1, 1], where the thesis's weights belong, and so do its modes."""

from functools import partial

import numpy as np

from common.data.synthetic.points import EIGHT_GAUSSIANS_RADIUS, eight_gaussians

RADIUS = 1.0
MODES = RADIUS * np.stack([f(np.arange(8) * np.pi / 4) for f in (np.cos, np.sin)], axis=1)

MAKERS = {"eight_gaussians_of_radius_1": partial(eight_gaussians, divisor=EIGHT_GAUSSIANS_RADIUS / RADIUS)}
