"""The claims of *BigGAN*, each a number that must lie beyond a threshold.

Where the Inception score and FID were not measured, a classifier's score and the Fréchet distance in its features stand
in. Thresholds are ours unless the paper has one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from common.measurements.conditions import values_of
from common.measurements.curves import spearman
from common.measurements.numbers import distance, score, score_name
from common.measurements.table import Missing, Table
from common.reporting.claims import claim
from reproductions.biggan.names import BATCHES, BERNOULLI, BIGGAN, DEEP, NO_PENALTY, NORMAL, STANDING, WITH, WITHOUT

Read = Callable[..., float]  # score or distance


def _change(t: Table, read: Read, truncation: str, **condition: Any) -> float:
    """BigGAN's number under a truncation over that without."""
    return read(t, BIGGAN, truncation=truncation, **condition) / read(t, BIGGAN, truncation="none", **condition)


def _deep_over_plain(t: Table, read: Read, **condition: Any) -> float:
    """BigGAN-deep's number over BigGAN's, both without truncation."""
    deep, plain = (read(t, model, truncation="none", **condition) for model in (DEEP, BIGGAN))
    return deep / plain


def _resolutions(t: Table) -> list[str]:
    resolutions = sorted(set(values_of(t.rows, "resolution").dropna()))
    if not resolutions:
        raise Missing("numbers by resolution")
    return resolutions


# --- Table 2, Figures 2 and 17 -------------------------------------------------------------------------------------

truncation = partial(claim, experiment="biggan_truncation", where="Section 3.1, Table 2", ratio=True)
resolutions = partial(claim, experiment="biggan_resolutions", ratio=True)
released = partial(claim, experiment="biggan_released", where="Section 3.1, Table 2", ratio=True)


@truncation(
    above=1.0,
    text="truncation raises the score at once: at the threshold with the best distance it is above that without",
)
def truncation_raises_score(t: Table) -> float:
    return _change(t, score, "best FID")


@claim(
    experiment="biggan_truncation",
    where="Section 3.1, Figure 17",
    below=-0.9,
    correlation=True,
    text="and goes on raising it: rank correlation of threshold and score",
)
def score_rises_throughout(t: Table) -> float:
    name = score_name(t.rows["metric"])
    if name is None:
        raise Missing("a score by threshold")
    points = t.by("threshold", metric=name, model=BIGGAN)
    return spearman(np.array(list(points)), np.array(list(points.values())))


@truncation(
    below=1.0,
    weak="V",
    text="“we initially see a moderate improvement in FID”: the best distance under truncation is below that without",
)
def distance_dips(t: Table) -> float:
    return _change(t, distance, "best FID")


@truncation(
    above=1.0,
    text="fidelity costs variety: at the truncation with the most score the distance is above that without truncation",
)
def distance_rises_in_the_end(t: Table) -> float:
    return _change(t, distance, "most IS")


@truncation(
    where="Table 2",
    above=1.0,
    text="truncation takes the score beyond that of validation data: the most against theirs",
)
def validation_score_is_passed(t: Table) -> float:
    try:
        theirs = score(t, "validation data", truncation="none")
    except Missing:  # Table 2 prints the score where BigGAN reaches it
        theirs = score(t, BIGGAN, truncation="validation IS")
    return score(t, BIGGAN, truncation="most IS") / theirs


@truncation(where="Section 5.1, Table 2", below=1.0, text="BigGAN-deep's distance without truncation is below BigGAN's")
def deep_is_nearer(t: Table) -> float:
    return _deep_over_plain(t, distance)


@truncation(where="Section 5.1, Table 2", above=1.0, text="and its score above")
def deep_scores_higher(t: Table) -> float:
    return _deep_over_plain(t, score)


@resolutions(
    where="Section 5.1, Table 2",
    below=1.0,
    text="BigGAN-deep's distance without truncation is below BigGAN's at every size",
)
def deep_is_nearer_at_every_size(t: Table) -> dict[str, float]:
    return {r: _deep_over_plain(t, distance, resolution=r) for r in _resolutions(t)}


@resolutions(where="Table 2", above=1.0, text="truncation raises the score at every size")
def truncation_raises_score_at_every_size(t: Table) -> dict[str, float]:
    return {r: _change(t, score, "best FID", resolution=r) for r in _resolutions(t)}


@released(below=1.0, text="the released generator's distance dips as truncation sets in")
def released_dips(t: Table) -> float:
    return _change(t, distance, "best FID")


@released(above=1.0, text="and its score rises")
def released_rises(t: Table) -> float:
    return _change(t, score, "best FID")


# --- Table 1 -------------------------------------------------------------------------------------------------------

ablation = partial(claim, experiment="biggan_ablation", where="Section 3, Table 1", ratio=True)


@ablation(above=1.0, text="a batch eight times as large raises the score (+46 %)")
def batch_raises_score(t: Table) -> float:
    return score(t, "batch 2048") / score(t, "SA-GAN baseline, batch 256")


@ablation(below=1.0, text="and lowers the distance")
def batch_lowers_distance(t: Table) -> float:
    return distance(t, "batch 2048") / distance(t, "SA-GAN baseline, batch 256")


@ablation(above=1.0, text="half as many channels again raise the score (+21 %)")
def width_raises_score(t: Table) -> float:
    return score(t, "ch 96") / score(t, "batch 2048")


@ablation(below=1.0, text="and lower the distance")
def width_lowers_distance(t: Table) -> float:
    return distance(t, "ch 96") / distance(t, "batch 2048")


faster = partial(claim, experiment="biggan_ablation", where="Section 3", above=0.0)


@faster(
    text="a shared embedding trains faster (37 %): share of the updates that it saves for the score of separate ones"
)
def sharing_is_faster(t: Table) -> float:
    """What is shared must be worth it: 7 % of the paper's parameters, next to nothing where there are ten classes."""
    separate, shared = (t.value(metric="parameters", model=model) for model in ("ch 96", "+ shared embedding"))
    if separate < 1.05 * shared:
        raise Missing("class embeddings that hold a twentieth of the weights")
    return t.value(metric="training_speed_gain", model="+ shared embedding")


@faster(text="and skip-z faster again (18 %)")
def skip_is_faster(t: Table) -> float:
    return t.value(metric="training_speed_gain", model="+ skip-z")


@ablation(above=1.0, text="skip-z raises the score (+4 %), in no more updates")
def skip_raises_score(t: Table) -> float:
    return score(t, "+ skip-z") / score(t, "+ shared embedding")


@ablation(where="Table 1", above=0.95, text="orthogonal regularisation costs no score: at least 0.95 of that without")
def orthogonal_costs_nothing(t: Table) -> float:
    return score(t, "+ orthogonal (BigGAN)") / score(t, "+ skip-z")


@ablation(where="Table 1, last two rows", above=1.0, text="with all modifications, width still raises the score")
def width_still_raises_score(t: Table) -> float:
    return score(t, "+ orthogonal (BigGAN)") / score(t, "BigGAN, ch 64")


# --- Parameters ------------------------------------------------------------------------------------------------------

parameters = partial(claim, experiment="biggan_parameters", of="numbers", exact=True, below=0.05, bar_of="paper")
APPENDIX_B = {"BigGAN G": 70.4, "BigGAN D": 88.0, "BigGAN-deep G": 50.4, "BigGAN-deep D": 34.6}  # in millions
TABLE_1 = {"SA-GAN baseline, batch 256": 81.5, "ch 96": 173.5, "+ shared embedding": 160.6, "+ skip-z": 158.3}
TABLE_1 |= {"BigGAN, ch 64": 71.3}


def _largest_gap(t: Table, printed: dict[str, float]) -> float:
    return max(abs(t.value(metric="parameters", model=model) - value) for model, value in printed.items())


@parameters(
    where="Appendix B", text="the networks have the printed parameters, to the last digit: largest difference, millions"
)
def appendix_b_is_met(t: Table) -> float:
    return _largest_gap(t, APPENDIX_B)


@parameters(
    where="Table 1",
    text="and so have those of Table 1, with a z of 128 in rows 1 to 6 and without counting the shared embedding",
)
def table_1_is_met(t: Table) -> float:
    return _largest_gap(t, TABLE_1)


# --- Section 3.1 ---------------------------------------------------------------------------------------------------


@claim(
    experiment="biggan_orthogonal_amenability",
    where="Section 3.1",
    above=0.0,
    weak="B",
    text="orthogonal regularisation makes models amenable to truncation (60 % to 16 %): difference of the shares, or, "
    "of two models of a seed, of the lowest score under truncation over that without",
)
def orthogonal_helps_truncation(t: Table) -> float:
    metric = "lowest_gain" if "lowest_gain" in set(t.rows["metric"]) else "amenable"
    return t.value(metric=metric, model=WITH) - t.value(metric=metric, model=WITHOUT)


# --- Section 4, Appendices F, G.1 and I ------------------------------------------------------------------------------

stability = partial(claim, experiment="biggan_stability", where="Section 4.2")
against = partial(stability, ratio=True)  # of two models or two statistics
spectra = partial(against, of="training")


def _lost(t: Table, model: str) -> float:
    return t.value(metric="is_reduction", model=model)


def _most(t: Table, model: str) -> float:
    name = next((name for name in t.rows["metric"] if name.startswith("max_")), "max_IS")
    return t.value(metric=name, model=model)


def _growth(t: Table, model: str, metric: str = "sigma_growth") -> float:
    return t.value(metric=metric, model=model, network="G")


@stability(above=0.0, text="R1 of 10 costs score (45 %): share of the best score that is lost")
def strong_penalty_costs(t: Table) -> float:
    return _lost(t, "R1 10")


@stability(above=0.0, text="R1 of 1 costs score (20 %)")
def penalty_costs(t: Table) -> float:
    return _lost(t, "R1 1")


@stability(above=0.0, text="and less than R1 of 10: difference of the shares lost")
def stronger_costs_more(t: Table) -> float:
    return _lost(t, "R1 10") - _lost(t, "R1 1")


@against(
    where="Figures 23 and 25",
    above=1.0,
    text="dropout that keeps 0.8 of D's features leaves a better score than R1 of 10 (70 against 55)",
)
def dropout_costs_less(t: Table) -> float:
    return _most(t, "dropout 0.8") / _most(t, "R1 10")


@spectra(
    where="Section 4.1, Figure 3",
    above=2.0,
    weak="O",
    text="most of G's layers are well-behaved and a few are not: the largest growth of σ₀ over the median of layers",
)
def few_spectra_grow(t: Table) -> float:
    return _growth(t, NO_PENALTY) / _growth(t, NO_PENALTY, "sigma_growth_median")


@spectra(
    where="Section 4.1",
    below=1.0,
    weak="M",
    text="pulling σ₀ in G towards 1 keeps it from growing: growth against that without",
)
def regularising_bounds_spectra(t: Table) -> float:
    return _growth(t, "sigma_0 in G towards 1") / _growth(t, NO_PENALTY)


@spectra(
    below=1.0,
    weak="M",
    text="R1 of 10 on D bounds G's spectra: growth of the largest singular value against that without",
)
def penalty_bounds_spectra(t: Table) -> float:
    return _growth(t, "R1 10") / _growth(t, NO_PENALTY)


def _ratio(t: Table, network: str) -> float:
    return t.value(metric="sigma_ratio", model=NO_PENALTY, network=network)


@spectra(
    where="Section 4.2, Appendix G.2",
    below=1.0,
    text="“unlike G” D's spectra are well-behaved: its largest σ₀ / σ₁ of a layer is below G's",
)
def spectra_of_d_are_flatter(t: Table) -> float:
    return _ratio(t, "D") / _ratio(t, "G")


@spectra(
    where="Section 4.1",
    above=1.0,
    text="“typically the first layer in G” explodes: growth of its σ₀ over the median of the other layers",
)
def first_layer_grows(t: Table) -> float:
    return t.value(metric="first_layer_growth", model=NO_PENALTY, network="G")


@stability(
    of="training",
    above=0.25,
    text="D memorises: it takes training images for real more often than others (above 98 % against 50 to 55 %)",
)
def discriminator_memorises(t: Table) -> float:
    seen, unseen = (t.value(metric=f"{part}_accuracy", model=NO_PENALTY) for part in ("train", "held_out"))
    return seen - unseen


@stability(
    where="Appendix G.1",
    of="training",
    above=3.0,
    bar_of="paper",
    text="once D is frozen its loss leaves the normal range of 0 to 3 (upwards of 300)",
)
def frozen_discriminator_loses(t: Table) -> float:
    return t.value(metric="d_loss", model="frozen D")


@against(
    where="Appendix G.1",
    of="training",
    below=1.0,
    weak="M",
    text="once G is frozen D's loss goes towards zero: at the end against that of both training on",
)
def frozen_generator_loses(t: Table) -> float:
    return t.value(metric="d_loss", model="frozen G") / t.value(metric="d_loss", model=NO_PENALTY)


@claim(
    experiment="biggan_orthogonal_amenability",
    where="Section 3.1, equation 3",
    of="training",
    whose="ours",
    below=1.0,
    ratio=True,
    text="what equation 3 is for: with it the filters of G are less alike (mean squared cosine of two of them)",
)
def filters_are_less_alike(t: Table) -> float:
    with_it, without = (t.value(metric="filter_cosine", model=model) for model in (WITH, WITHOUT))
    return with_it / without


@claim(
    experiment="biggan_penalty_sweeps",
    where="Appendix I",
    above=0.9,
    correlation=True,
    text="“the strength of the penalty correlates negatively with performance”: rank correlation with the score lost",
)
def stronger_penalties_cost_more(t: Table) -> float:
    rows = t.select(metric="is_reduction")
    rows = rows[rows["model"].str.startswith("R1 ")]
    if len(rows) < 2:
        raise Missing("is_reduction by strength of R1")
    return spearman(rows["model"].str.removeprefix("R1 ").astype(float).to_numpy(), rows["value"].to_numpy())


# --- Appendix E ----------------------------------------------------------------------------------------------------

latents = partial(claim, experiment="biggan_latents", where="Appendix E")


LEARNT = 0.5  # of the score of data: with less, any latent does as badly as any other


def _learnt(t: Table) -> None:
    """Raises Missing where N(0, I) has not come to half of the data's score."""
    try:
        of_data = score(t, "data")
    except Missing:  # the paper prints none
        return
    if score(t, NORMAL) < LEARNT * of_data:
        raise Missing("half of the data's score with N(0, I)", NORMAL)


def _gain(t: Table, model: str) -> float:
    _learnt(t)
    return t.value(metric="is_gain", model=model)


@latents(above=0.0, text="Bernoulli {0,1} scores higher than N(0, I) (8 %): gain")
def bernoulli_gains(t: Table) -> float:
    return _gain(t, BERNOULLI)


@latents(above=0.0, text="and requires fewer iterations (60 %): share of the updates that it saves")
def bernoulli_is_faster(t: Table) -> float:
    _learnt(t)
    return t.value(metric="fewer_iterations", model=BERNOULLI)


@latents(above=0.0, text="the censored normal scores higher (15 to 20 %): gain")
def censored_normal_gains(t: Table) -> float:
    return _gain(t, "censored normal")


@latents(above=0.0, text="N(0, I) and Bernoulli side by side score higher (around 5 %): gain")
def concatenation_gains(t: Table) -> float:
    return _gain(t, "N(0,I) and Bernoulli")


@latents(above=-0.1, below=0.1, text="uniform, signs, categorical and sparse normal do near-identically: gain of each")
def others_do_alike(t: Table) -> dict[str, float]:
    alike = ("U[-1,1]", "Bernoulli {-1,1}", "categorical {-1,0,1}", "N(0,I) x Bernoulli")
    return {model: _gain(t, model) for model in alike}


@latents(above=0.9, ratio=True, text="a quarter of the dimensions suffices: at least 0.9 of the score")
def fewer_dimensions_suffice(t: Table) -> float:
    _learnt(t)
    return score(t, "32 dimensions") / score(t, NORMAL)


# --- Appendix C.1 --------------------------------------------------------------------------------------------------

standing = partial(claim, experiment="biggan_standing_statistics", where="Appendix C.1", ratio=True)


def _normalised_by(t: Table, statistics: str) -> float:
    return score(t, BIGGAN, statistics=statistics)


@standing(
    below=0.9,
    weak="O",
    text="with batch statistics the size of the batch changes the score drastically: that of batches of 4 over 64",
)
def batch_size_matters(t: Table) -> float:
    return _normalised_by(t, f"batches of {min(BATCHES)}") / _normalised_by(t, f"batches of {max(BATCHES)}")


@standing(
    above=0.98,
    whose="ours",
    text="standing statistics, which do not depend on it, score as high as the largest batches do",
)
def standing_statistics_serve(t: Table) -> float:
    return _normalised_by(t, STANDING) / _normalised_by(t, f"batches of {max(BATCHES)}")


# --- Appendices C.2 and C.3 ------------------------------------------------------------------------------------------

cifar10 = partial(claim, experiment="biggan_cifar10")


@cifar10(where="Appendix C.2", above=9.22 * 0.95, text="an Inception score of 9.22 on CIFAR-10, within 5 %")
def cifar_score(t: Table) -> float:
    return t.value(metric="IS", model=BIGGAN, truncation="none")


@cifar10(
    where="ours",
    whose="ours",
    above=0.5,
    text="without truncation, samples have at least half of the score of as many real images",
)
def half_of_the_data(t: Table) -> float:
    return score(t, BIGGAN, truncation="none") / score(t, "data")


@claim(
    experiment="biggan_real_scores",
    where="Appendix C.3",
    of="numbers",
    above=1.0,
    ratio=True,
    weak="V",
    text="images that the classifier was trained on score higher than others, at every size",
)
def classifier_prefers_its_own(t: Table) -> dict[str, float]:
    sizes = _resolutions(t)
    return {r: score(t, "training data", resolution=r) / score(t, "validation data", resolution=r) for r in sizes}
