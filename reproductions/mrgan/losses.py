"""The eight losses of Appendix A, the predictor's (equation 4.1) and the reconstruction losses, pixel by pixel.

``samples`` (n, K, ...): K outputs for each of n conditions. ``y`` (n, ...): ground truths. Predictions are the location
and the log of the dispersion, each (n, ...). Every loss comes back as a map (n, ...), which :func:`over` reduces as the
authors' code does: the thesis does not say how.
"""

from torch import Tensor

TINY = 1e-9  # code: beside the variance where it divides and in its logarithm


def mean_and_variance(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Equation 4.3: sample mean and unbiased variance."""
    return samples.mean(dim=1), samples.var(dim=1)


def median_and_deviation(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Median (of an even number the mean of the middle two) and mean absolute deviation from it."""
    k = samples.shape[1]
    ordered = samples.sort(dim=1).values
    median = (ordered[:, (k - 1) // 2] + ordered[:, k // 2]) / 2
    return median, (samples - median[:, None]).abs().mean(dim=1)


def moved(samples: Tensor, target: Tensor, location: Tensor) -> Tensor:
    """t = detach(ỹ + (target - location)): every sample's target, so that all move and not the median one only."""
    return (samples + (target - location)[:, None]).detach()


# --- Moment reconstruction: against the ground truth -------------------------------------------------------------


def gaussian_mr1(samples: Tensor, y: Tensor) -> Tensor:
    """Algorithm 1"""
    return (y - samples.mean(dim=1)).square()


def gaussian_mr2(samples: Tensor, y: Tensor) -> Tensor:
    """Algorithm 2"""
    mean, variance = mean_and_variance(samples)
    return (y - mean).square() / (2 * (variance + TINY)) + (variance + TINY).log() / 2


def laplace_mr1(samples: Tensor, y: Tensor) -> Tensor:
    """Algorithm 3"""
    median, _ = median_and_deviation(samples)
    return (moved(samples, y, median) - samples).abs().mean(dim=1)


def laplace_mr2(samples: Tensor, y: Tensor) -> Tensor:
    """Algorithm 4"""
    median, deviation = median_and_deviation(samples)
    distance = (moved(samples, y, median) - samples).abs().mean(dim=1)
    return distance / (deviation + TINY) + (deviation + TINY).log()


# --- Proxy moment reconstruction: against the predictor ----------------------------------------------------------


def gaussian_proxy_mr1(samples: Tensor, location: Tensor, log_dispersion: Tensor) -> Tensor:
    """Algorithm 5; the predictor's second output is not used."""
    return (location - samples.mean(dim=1)).square()


def gaussian_proxy_mr2(samples: Tensor, location: Tensor, log_dispersion: Tensor) -> Tensor:
    """Algorithm 6 (equation 4.6); the dispersion is a variance."""
    mean, variance = mean_and_variance(samples)
    return (location - mean).square() + (log_dispersion.exp() - variance).square()


def laplace_proxy_mr1(samples: Tensor, location: Tensor, log_dispersion: Tensor) -> Tensor:
    """Algorithm 7"""
    median, _ = median_and_deviation(samples)
    return (moved(samples, location, median) - samples).square().mean(dim=1)


def laplace_proxy_mr2(samples: Tensor, location: Tensor, log_dispersion: Tensor) -> Tensor:
    """Algorithm 8; the dispersion is a mean absolute deviation."""
    _, deviation = median_and_deviation(samples)
    return laplace_proxy_mr1(samples, location, log_dispersion) + (log_dispersion.exp() - deviation).square()


# --- The predictor's, and the reconstruction losses of the baselines ---------------------------------------------


def gaussian_likelihood(y: Tensor, location: Tensor, log_dispersion: Tensor, least_error: float = 0.0) -> Tensor:
    """Equation 4.1, negative and up to a constant: (y - μ)² / 2σ² + ½ log σ².

    ``least_error`` is added to the squared error and so is the least variance that is ever predicted (code).
    """
    return ((y - location).square() + least_error) * (-log_dispersion).exp() / 2 + log_dispersion / 2


def laplace_likelihood(y: Tensor, location: Tensor, log_dispersion: Tensor, least_error: float = 0.0) -> Tensor:
    """Equation 4.2, negative and up to a constant: |y - m| / b + log b. Nothing is added to the error."""
    return (y - location).abs() * (-log_dispersion).exp() + log_dispersion


def l1(samples: Tensor, y: Tensor) -> Tensor:
    return (samples - y[:, None]).abs().mean(dim=1)


def l2(samples: Tensor, y: Tensor) -> Tensor:
    return (samples - y[:, None]).square().mean(dim=1)


AGAINST_TRUTH = {loss.__name__: loss for loss in (l1, l2, gaussian_mr1, gaussian_mr2, laplace_mr1, laplace_mr2)}
AGAINST_PREDICTOR = {
    loss.__name__: loss for loss in (gaussian_proxy_mr1, gaussian_proxy_mr2, laplace_proxy_mr1, laplace_proxy_mr2)
}
LIKELIHOODS = {"gaussian": gaussian_likelihood, "laplace": laplace_likelihood}


def optimal_mr2_variance(variance: float, k: int) -> float:
    """The variance at which K Gaussian outputs, 4 at least, have the least :func:`gaussian_mr2` alone over truths of
    variance v: v (K - 1) / (K - 3), for the mean of 1 / s² is (K - 1) / (K - 3) over the outputs' variance.
    """
    return variance * (k - 1) / (k - 3)


def optimal_proxy_mr2_variance(variance: float, k: int) -> float:
    """The same of :func:`gaussian_proxy_mr2` with the right predictor: (v - 1 / 2K) / (1 + 2 / (K - 1)), and 0 for v
    below 1 / 2K. What is penalised besides are the sampling variances of mean and variance: τ / K and 2 τ² / (K - 1)
    of outputs' variance τ.
    """
    return max(variance - 1 / (2 * k), 0) / (1 + 2 / (k - 1))


def over(loss: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over samples, channels and pixels. Where ``weights`` (n, 1, h, w) are given, a hole: the sum of what lies in
    it, channels included, over its area (code).
    """
    if weights is None:
        return loss.mean()
    return (loss * weights).sum() / weights.sum().clamp(min=1)
