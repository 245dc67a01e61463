"""The claims of cGML, each a number that must lie beyond a threshold. Thresholds are ours."""

import contextlib
from functools import partial

from common.measurements.conditions import values_of
from common.measurements.numbers import ratio
from common.measurements.table import Curve, Missing, Table
from common.reporting.claims import Claim, claim

OURS, WITHOUT = "cGML", "cGML (w/o ρ)"

# --- Points --------------------------------------------------------------------------------------------------------

on_toy = partial(claim, experiment="cgml_toy")
uncertainty = partial(claim, experiment="cgml_toy_uncertainty", above=1.0, ratio=True, weak="V")
choices = partial(claim, experiment="cgml_choices")


def toy(t: Table, metric: str, model: str = OURS) -> float:
    return t.value(metric=metric, model=model, task="toy")


@on_toy(
    where="Section 4, Figure 3(b)",
    below=0.25,
    ratio=True,
    text="L1 regression generates the line y = 0: outputs are below a quarter of the same network's on one branch",
)
def l1_gives_zero(t: Table) -> float:
    return ratio(toy(t, "y", "L1"), toy(t, "y", "L1, one branch"))


@on_toy(
    where="Figure 3(e)", above=0.9, text="the method's outputs lie on the branches: at least nine tenths are near one"
)
def ours_is_near(t: Table) -> float:
    return toy(t, "near_branch")


@on_toy(where="Figure 3(e)", above=0.2, text="and both branches are reached, each by a fifth at least")
def both_branches(t: Table) -> float:
    return toy(t, "rarer_branch")


def phantoms(t: Table, metric: str) -> float:
    """The share in the middle of the branches with ρ over that without, of a training that has learnt the branches."""
    if toy(t, "near_branch") < 0.5:
        raise Missing("outputs near a branch")
    if not toy(t, metric, WITHOUT):
        raise Missing("a phantom without ρ")
    return ratio(toy(t, metric), toy(t, metric, WITHOUT))


@on_toy(
    where="Section 2.2",
    below=1.0,
    ratio=True,
    text="ρ pushes codes out of the phantom distribution: fewer outputs in the middle of the branches along the steps",
)
def momentum_pushes_out_of_phantom(t: Table) -> float:
    return phantoms(t, "phantom_along")


@on_toy(
    where="Section 4, Figure 3(c), (e)",
    below=0.5,
    ratio=True,
    text="without ρ a phantom distribution is left at the end, which ρ removes: less than half of it stays",
)
def momentum_removes_phantom(t: Table) -> float:
    return phantoms(t, "phantom_share")


@on_toy(where="Figure 3(d)", below=1.0, ratio=True, text="E[ρ] is lower near the branches than away from them")
def momentum_is_lower_near(t: Table) -> float:
    return ratio(toy(t, "momentum_near"), toy(t, "momentum_away"))


@on_toy(
    where="Section 3, Figures 6 and 40",
    below=0.5,
    ratio=True,
    text="outputs improve along the steps of inference: the error at the end is less than half of that at the start",
)
def steps_help(t: Table) -> float:
    return ratio(toy(t, "error"), toy(t, "error_at_start"))


def outwards(t: Table, metric: str) -> float:
    """The number outside of the training data over that inside."""
    inside, outside = (t.value(metric=f"{metric}_{part}", model=OURS) for part in ("inside", "outside"))
    return ratio(outside, inside)


@uncertainty(where="Appendix 2.5, Figure 22", text="uncertainty grows away from the training data")
def uncertainty_grows(t: Table) -> float:
    return outwards(t, "variance")


@uncertainty(
    where="Appendix 2.5; over the outputs' size is ours",
    whose="ours",
    text="and by more than the outputs themselves grow",
)
def relative_uncertainty_grows(t: Table) -> float:
    return outwards(t, "relative_variance")


@choices(
    where="Section 2.2, Figure 3; the setting is ours",
    weak="V",
    above=0.01,
    text="with a code of one dimension, off the sphere, the phantom shows without ρ, and ρ removes it",
)
def phantom_of_a_scalar_code(t: Table) -> float:
    without, with_it = (t.value(metric="phantom_share", model="a code of 1", rho=rho) for rho in ("no", "yes"))
    return without - with_it


def with_penalty(arm: str, weight: str) -> Claim:
    @choices(
        where="Section 3: “to ensure faster convergence”",
        above=0.0,
        text=f"the Lipschitz penalty speeds up convergence, of weight {weight}: more outputs near a branch as early",
    )
    def lipschitz_helps(t: Table) -> float:
        arms = (arm, "no Lipschitz penalty")
        with_it, without = (t.value(metric="near_branch", model=arm, rho="yes") for arm in arms)
        return with_it - without

    return lipschitz_helps


lipschitz_helps = {
    "weight 1": with_penalty("as chosen", "1"),
    "weight 0.1": with_penalty("Lipschitz weight 0.1", "0.1"),
}


# --- Images --------------------------------------------------------------------------------------------------------

COLOURING_RIVALS = ("Izuka", "P2P", "CIC", "Chroma")
COMPLETION_RIVALS = ("DSGAN", "PN", "CE", "P2P", "CA", "RFR")
PERCEPTUAL = ("LPIPS", "perceptual_efficientnet")  # the first that was measured counts
LOWER = (*PERCEPTUAL, "PieAPP")


def scored(t: Table, metric: str, model: str, **where: str) -> float:
    """Of a model's outputs the medoid's number, of numbers that are printed the only one."""
    try:
        return t.value(metric=f"{metric}_medoid", model=model, **where)
    except Missing:
        return t.value(metric=metric, model=model, **where)


def leads(t: Table, metric: str, rivals: tuple[str, ...], **where: str) -> dict[str, float]:
    """Ours less each rival's that the table has; of metrics that are better lower the other way round."""
    sign = -1 if metric in LOWER else 1
    found = {}
    for rival in rivals:
        with contextlib.suppress(Missing):
            found[rival] = scored(t, metric, rival, **where)
    if not found:
        raise Missing(f"{metric} of any of {', '.join(rivals)}")
    ours = scored(t, metric, OURS, **where)
    return {rival: sign * (ours - theirs) for rival, theirs in found.items()}


def perceptual(t: Table) -> str:
    """The distance to the truth that was measured."""
    return next((name for name in PERCEPTUAL if name in set(t.rows["metric"])), PERCEPTUAL[0])


def error_along(t: Table) -> float:
    """The error at the end of inference over that at its start."""
    return t.value(metric="error_at_end", model=OURS) / t.value(metric="error_at_start", model=OURS)


# Colorization

colorization = partial(claim, experiment="cgml_colorization", where="Table 2")
best_colour = partial(colorization, above=0.0)
colour_modes = partial(claim, experiment="cgml_colour_modes")
latent_size = partial(claim, experiment="cgml_latent_size", where="Table 9")


def column(t: Table) -> str:
    """Which column of Table 2 the table stands for: STL, the first, where it has several."""
    columns = values_of(t.select(metric="PSNR", model=OURS, task="colorization"), "data").dropna()
    if columns.empty:
        raise Missing("PSNR of a colorization", OURS)
    return columns.iloc[0]


def coloured(t: Table, metric: str, model: str = OURS) -> float:
    return t.value(metric=metric, model=model, data=column(t), task="colorization")


def colour_leads(t: Table, metric: str, rivals: tuple[str, ...] = COLOURING_RIVALS) -> dict[str, float]:
    return leads(t, metric, rivals, data=column(t), task="colorization")


@best_colour(text="of the colorizations at hand ours has the best PSNR")
def best_colour_psnr(t: Table) -> dict[str, float]:
    return colour_leads(t, "PSNR")


@best_colour(text="and the best SSIM")
def best_colour_ssim(t: Table) -> dict[str, float]:
    return colour_leads(t, "SSIM")


@best_colour(text="and the lowest perceptual distance")
def best_colour_perceptual(t: Table) -> dict[str, float]:
    return colour_leads(t, perceptual(t))


@colorization(above=0.0, text="ρ helps: higher PSNR than without it")
def momentum_helps_colour_psnr(t: Table) -> dict[str, float]:
    return colour_leads(t, "PSNR", (WITHOUT,))


@colorization(above=0.0, text="and higher SSIM")
def momentum_helps_colour_ssim(t: Table) -> dict[str, float]:
    return colour_leads(t, "SSIM", (WITHOUT,))


@colorization(
    where="Table 8",
    above=0.0,
    text="of those at hand the distribution of its colours is nearest to the true one, in a as in b",
)
def nearest_colours(t: Table) -> dict[str, float]:
    return {f"{plane}, {rival}": one for plane in "ab" for rival, one in colour_leads(t, f"iou_{plane}").items()}


@colorization(where="Table 1", above=0.0, weak="P", text="people like its colours best")
def preferred(t: Table) -> dict[str, float]:
    return colour_leads(t, "user_preference")


@colour_modes(
    where="Figure 10; the threshold is ours",
    above=1.5,
    text="one lightness is coloured in several ways: of four true colourings more than one is met",
)
def several_colourings(t: Table) -> float:
    return t.value(metric="modes_per_input", model=OURS)


@colorization(where="Section 5.2, Figure 7", above=0.0, text="its colours are more vibrant than the adversary's")
def more_vibrant(t: Table) -> float:
    return coloured(t, "colourfulness") - coloured(t, "colourfulness", "P2P")


@colorization(
    where="Appendix 3.3; the claim is ours",
    whose="ours",
    above=0.0,
    text="the pull towards a uniform distribution makes colours more vibrant",
)
def uniformity_is_vibrant(t: Table) -> float:
    return coloured(t, "colourfulness") - coloured(t, "colourfulness", "cGML, λ = 0")


@colour_modes(
    where="Figure 6",
    below=1.0,
    ratio=True,
    weak="O",
    text="outputs come nearer to a true colouring as the code converges at inference",
)
def steps_help_colours(t: Table) -> float:
    return error_along(t)


@claim(
    experiment="cgml_image_choices",
    where="Appendix 3.1",
    above=0.9,
    below=1.1,
    ratio=True,
    weak="O",
    text="batches twice as large change little: distance to a true colouring against that with the chosen ones",
)
def batches_matter_little(t: Table) -> float:
    return ratio(*(t.value(metric="distance_to_tint", model=arm) for arm in ("batches of 128", "as chosen")))


def by_size(t: Table, metric: str) -> Curve:
    return t.by("latent_size", metric=metric, model=OURS)


@latent_size(
    above=0.0, text="quality is best with 32 dimensions: the perceptual distance is below that of 5 and of 128"
)
def best_perceptual_between(t: Table) -> dict[str, float]:
    found = by_size(t, perceptual(t))
    return {str(size): found[size] - found[32] for size in (5, 128)}


@latent_size(where="Table 9; PSNR in place of LPIPS is ours", whose="ours", above=0.0, text="the same of PSNR, higher")
def best_psnr_between(t: Table) -> dict[str, float]:
    found = by_size(t, "PSNR")
    return {str(size): found[32] - found[size] for size in (5, 128)}


@latent_size(above=1.0, ratio=True, text="diversity grows with the code: more with 64 dimensions than with 5")
def larger_codes_are_more_diverse(t: Table) -> float:
    found = by_size(t, "diversity")
    return ratio(found[64], found[5])


# Completion

digits = partial(claim, experiment="cgml_mnist_completion", where="Figure 4")
white_box = partial(claim, experiment="cgml_mnist_white_box", above=0.5)
completion = partial(claim, experiment="cgml_image_completion", where="Table 3", above=0.0)
convergence = partial(claim, experiment="cgml_convergence", where="Figure 18", below=1.0, ratio=True)


@digits(below=1.0, ratio=True, text="digits are decided where L1 leaves them undecided: less grey in the hole")
def less_grey_than_l1(t: Table) -> float:
    ours, l1 = (t.value(metric="grey_share", model=model, hole="rectangle") for model in (OURS, "L1"))
    return ratio(ours, l1)


@digits(above=0.0, text="and nearer to the clean digit than CE's")
def nearer_than_ce(t: Table) -> dict[str, float]:
    return leads(t, "PSNR", ("CE",), hole="rectangle")


@digits(
    where="Figure 40",
    below=1.0,
    ratio=True,
    weak="O",
    text="the error against the clean digit falls along the steps of inference",
)
def steps_help_digits(t: Table) -> float:
    return error_along(t)


def both_modes(t: Table, rate: float) -> float:
    return t.value(metric="both_modes", model=f"rate {rate}")


@white_box(
    where="Section 5.1, Figure 5",
    weak="V",
    text="seen at a rate of 0.3, the box is in some outputs and not in others, for most digits",
)
def both_modes_at_the_rate(t: Table) -> float:
    return both_modes(t, 0.3)


@white_box(
    where="Section 5.1",
    weak="V",
    text="and for far fewer at a rate of 0.1: the share of digits that show both differs by a half",
)
def rate_matters(t: Table) -> float:
    return both_modes(t, 0.3) - both_modes(t, 0.1)


@white_box(
    where="Section 5.1; the rate is ours",
    whose="ours",
    text="both modes show for most digits at 0.5, where both are as likely",
)
def both_modes_at_a_half(t: Table) -> float:
    return both_modes(t, 0.5)


def completion_leads(
    t: Table, metric: str, rivals: tuple[str, ...] = COMPLETION_RIVALS, mask: str = "25%"
) -> dict[str, float]:
    return leads(t, metric, rivals, mask=mask, task="completion")


@completion(text="with a quarter missing ours has the best PSNR of the methods at hand")
def best_completion_psnr(t: Table) -> dict[str, float]:
    return completion_leads(t, "PSNR")


@completion(text="and the best SSIM")
def best_completion_ssim(t: Table) -> dict[str, float]:
    return completion_leads(t, "SSIM")


@completion(text="and the lowest perceptual distance")
def best_completion_perceptual(t: Table) -> dict[str, float]:
    return completion_leads(t, perceptual(t))


@completion(text="it beats a GAN of its own capacity (CE) in PSNR, whatever the mask")
def better_than_ce(t: Table) -> dict[str, float]:
    return {mask: completion_leads(t, "PSNR", ("CE",), mask)["CE"] for mask in ("10%", "15%", "25%")}


@completion(text="ρ helps: higher PSNR with a quarter missing")
def momentum_helps_completion(t: Table) -> dict[str, float]:
    return completion_leads(t, "PSNR", (WITHOUT,))


def over_rivals(t: Table, metric: str) -> dict[str, float]:
    """Ours over theirs; of trainings that all took at least a tenth from their error."""
    models = (OURS, "CE", "P2P")
    for model in models:
        if t.value(metric="error_left", model=model) > 0.9:
            raise Missing("an error that falls", model)
    ours, *theirs = (t.value(metric=metric, model=model) for model in models)
    return {rival: ratio(ours, value) for rival, value in zip(("CE", "P2P"), theirs, strict=True)}


@convergence(text="it converges in fewer updates than CE and P2P")
def converges_faster(t: Table) -> dict[str, float]:
    return over_rivals(t, "updates_to_converge")


@convergence(text="and more stably: over the second half of training its error wavers less")
def converges_more_stably(t: Table) -> dict[str, float]:
    return over_rivals(t, "wavering")


@claim(
    experiment="cgml_scalability",
    where="Section 5.3.1, Figure 19",
    below=1.0,
    ratio=True,
    text="it converges at every size: the error in the hole is below that of the mean picture",
)
def converges_at_every_size(t: Table) -> dict[str, float]:
    errors, means = (t.by("size", metric=metric, model=OURS) for metric in ("error", "error_of_mean"))
    return {f"{size:g} px": ratio(errors[size], means[size]) for size in errors}


@claim(
    experiment="cgml_unseen_class",
    where="Figure 23",
    above=1.0,
    ratio=True,
    text="a class that training lacked is uncertain: its variance over the others' is larger than where it was seen",
)
def unseen_class_is_uncertain(t: Table) -> float:
    def over_others(arm: str) -> float:
        unseen, seen = (t.value(metric=f"variance_{part}", model=arm) for part in ("unseen", "seen"))
        return ratio(unseen, seen)

    return ratio(over_others("without twos"), over_others("all digits"))


# Features for another task

downstream = partial(claim, experiment="cgml_downstream", where="Table 5")


def accuracy(t: Table, *models: str) -> float:
    """Of the first of the models that was measured."""
    of = {"metric": "accuracy", "task": "classification"}
    return t.value(model=next((model for model in models if len(t.select(model=model, **of))), models[0]), **of)


@downstream(
    above=0.0, text="features of its encoder tell classes apart better than the rival's (PN in the paper, CE here)"
)
def better_features(t: Table) -> float:
    return accuracy(t, OURS) - accuracy(t, "PN", "CE")


@downstream(where="Section 5.3, Table 5", above=0.5, text="and come closer to the oracle than to the rival")
def closer_to_the_oracle(t: Table) -> float:
    rival, oracle = accuracy(t, "PN", "CE"), accuracy(t, "ResNet*", "EfficientNet-Lite0")
    return (accuracy(t, OURS) - rival) / (oracle - rival)


@downstream(
    where="Section 5.3; the control is ours",
    whose="ours",
    above=0.0,
    text="completion teaches features: better ones than the same encoder has untrained",
)
def better_than_untrained(t: Table) -> float:
    return accuracy(t, OURS) - accuracy(t, "untrained encoder")


# Translation

translation = partial(claim, experiment="cgml_translation")


@translation(
    where="Section 5.3.1; the threshold is ours",
    above=1.5,
    text="outputs of one condition converge to several modes: of four true outputs more than one is met",
)
def several_translations(t: Table) -> float:
    return t.value(metric="modes_per_input", model=OURS)


# Operations

flops = partial(claim, experiment="cgml_flops", where="Table 7", of="numbers", exact=True, ratio=True)


def operations(t: Table, model: str) -> float:
    return t.value(metric="flops", model=model, batch="10")


@flops(below=1.02, text="the method costs next to nothing more than CE")
def little_more_than_ce(t: Table) -> float:
    return operations(t, OURS) / operations(t, "CE")


@flops(below=1.0, text="and less than P2P and CIC")
def less_than_other_rivals(t: Table) -> dict[str, float]:
    return {rival: operations(t, OURS) / operations(t, rival) for rival in ("P2P", "CIC")}


# Solids

denoising = partial(claim, experiment="cgml_denoising_3d", where="Section 5.4, Table 6")
features = partial(claim, experiment="cgml_downstream_3d", where="Section 5.4, Table 4", above=0.0)


def error_over(t: Table, *others: str) -> dict[str, float]:
    """The error of ours over each other's."""
    ours = t.value(metric="radius_error", model=OURS)
    return {other: ratio(ours, t.value(metric="radius_error", model=other)) for other in others}


def accuracy_leads(t: Table, *others: str) -> dict[str, float]:
    ours = t.value(metric="accuracy", model=OURS, data="solids")
    return {other: ours - t.value(metric="accuracy", model=other, data="solids") for other in others}


@denoising(
    below=1.0,
    ratio=True,
    text="spectral maps are restored better than by an adversary (CE) and by cVAE: solids are nearer to the true ones",
)
def restores_better(t: Table) -> dict[str, float]:
    return error_over(t, "CE", "cVAE")


@denoising(
    above=0.0,
    weak="M",
    text="and more of its restored solids are recognised (in the paper their “mAP” is higher, which is not defined)",
)
def recognised_more_often(t: Table) -> dict[str, float]:
    metric = "recognised" if len(t.select(metric="recognised")) else "mAP"
    rows = t.select(metric=metric, model=OURS, task="3D denoising")
    found = {}
    for data in values_of(rows, "data"):
        for rival, lead in leads(t, metric, ("CE", "cVAE"), data=data, task="3D denoising").items():
            found[f"{rival}, {data}"] = lead
    if not found:
        raise Missing(metric, OURS)
    return found


@denoising(whose="ours", below=1.0, ratio=True, text="solids are nearer to the true ones than as they were given")
def restores_at_all(t: Table) -> dict[str, float]:
    return error_over(t, "as given")


@denoising(whose="ours", below=1.0, ratio=True, text="and nearer than by regression without a code")
def restores_better_than_l1(t: Table) -> dict[str, float]:
    return error_over(t, "L1")


@features(
    text="denoising teaches useful features: a linear layer classifies more solids by them than by an untrained ℋ"
)
def features_beat_untrained(t: Table) -> dict[str, float]:
    return accuracy_leads(t, "untrained")


@features(whose="ours", text="and more than by the features of L1, CE and cVAE")
def features_beat_rivals(t: Table) -> dict[str, float]:
    return accuracy_leads(t, "L1", "CE", "cVAE")


@features(whose="ours", text="and more than by the maps themselves")
def features_beat_maps(t: Table) -> dict[str, float]:
    return accuracy_leads(t, "maps")
