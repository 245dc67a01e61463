"""The claims of *MoCoGAN*, each a number that must lie beyond a threshold.

A model whose videos stand still has the best content distance of all, so every experiment that compares content
distances of models has a claim about motion too. Thresholds are ours wherever the paper gives none.
"""

from functools import partial

from common.measurements.numbers import ratio, score
from common.measurements.table import Missing, Table
from common.reporting.claims import Claim, claim

DEFAULT = "with D_I, z_A -> R_M"
SETTINGS = ("without D_I, z_A -> G_I", "without D_I, z_A -> R_M", "with D_I, z_A -> G_I", DEFAULT)
LEAST = 1e-3  # of a distance, so that ratios stay finite


def acd(t: Table, model: str) -> float:
    return max(t.value(metric="ACD", model=model), LEAST)


def mcs(t: Table, model: str) -> float:
    return max(t.value(metric="MCS", model=model), LEAST)


def motion(t: Table, model: str, metric: str = "frame_change", **condition) -> float:
    """Of a model's videos over that of the data."""
    return ratio(t.value(metric=metric, model=model, **condition), t.value(metric=metric, model="Reference"), LEAST)


within_a_factor_of_two = partial(claim, above=0.5, below=2.0, ratio=True)
moves = partial(within_a_factor_of_two, where="ours: a frozen video has ACD 0", whose="ours")


def steadier(experiment: str, rival: str, text: str) -> Claim:
    """It says something only where videos move too, which it does not check."""
    made = claim(experiment=experiment, where="Table 1", below=1.0, ratio=True, weak="V", text=text)
    return made(lambda t: acd(t, "MoCoGAN") / acd(t, rival))


shapes_steadier_than_tgan = steadier(
    "mocogan_shapes_acd", "TGAN", "a shape's colour changes less in MoCoGAN's videos than in TGAN's"
)
shapes_steadier_than_vgan = steadier("mocogan_shapes_acd", "VGAN", "and less than in VGAN's")


@moves(
    experiment="mocogan_shapes_acd",
    text="MoCoGAN's shapes get from one place to another as far as the data's, within a factor of two",
)
def shapes_travel(t: Table) -> float:
    return motion(t, "MoCoGAN", "displacement")


@claim(
    experiment="mocogan_shapes_acd",
    where="ours: frames without a shape have no colour",
    whose="ours",
    below=0.1,
    weak="T",
    text="and nine of ten frames have pixels brighter than 32 of 255, so that a colour is defined (noise counts too)",
)
def shapes_are_seen(t: Table) -> float:
    return t.value(metric="empty_frames", model="MoCoGAN")


faces_steadier_than_tgan = steadier(
    "mocogan_faces_acd",
    "TGAN",
    "MoCoGAN's faces have a smaller content distance than TGAN's (OpenFace, or mean colour of drawn faces)",
)
faces_steadier_than_vgan = steadier("mocogan_faces_acd", "VGAN", "and a smaller one than VGAN's")


@moves(
    experiment="mocogan_faces_acd",
    text="MoCoGAN's faces change from frame to frame as much as the data's, within a factor of two",
)
def faces_move(t: Table) -> float:
    return motion(t, "MoCoGAN")


def scores_above(rival: str) -> Claim:
    said = {"experiment": "mocogan_ucf101", "where": "Table 2", "text": f"MoCoGAN scores higher than {rival}"}
    return claim(**said, above=1.0, ratio=True)(lambda t: score(t, "MoCoGAN") / score(t, rival))


scores_above_tgan, scores_above_vgan = scores_above("TGAN"), scores_above("VGAN")


ablation = partial(claim, experiment="mocogan_ablation", where="Table 4, Section 4.2", above=1.0, ratio=True, weak="V")


@ablation(text="with D_I content is more consistent, in both schemes")
def image_critic_helps_content(t: Table) -> dict[str, float]:
    without_g, without_r, with_g, with_r = (acd(t, model) for model in SETTINGS)
    return {"into G_I": without_g / with_g, "into R_M": without_r / with_r}


@ablation(text="with D_I and the category into R_M, control is better than without D_I")
def image_critic_helps_control(t: Table) -> float:
    return mcs(t, DEFAULT) / mcs(t, "without D_I, z_A -> R_M")


@ablation(text="the category into R_M gives better control than into G_I, with and without D_I")
def into_motion_helps_control(t: Table) -> dict[str, float]:
    without_g, without_r, with_g, with_r = (mcs(t, model) for model in SETTINGS)
    return {"without D_I": without_r / without_g, "with D_I": with_r / with_g}


@ablation(text="and more consistent content")
def into_motion_helps_content(t: Table) -> dict[str, float]:
    without_g, without_r, with_g, with_r = (acd(t, model) for model in SETTINGS)
    return {"without D_I": without_g / without_r, "with D_I": with_g / with_r}


@ablation(
    where="Section 4.2",
    above=1.5,
    text="the category is under control: the classifier finds it 1.5 times as often as by chance",
)
def category_is_controlled(t: Table) -> float:
    try:
        return max(t.value(metric="times_chance", model=DEFAULT), LEAST)
    except Missing:  # the paper's own table, of six expressions
        return 6 * mcs(t, DEFAULT)


@moves(
    experiment="mocogan_ablation",
    text="videos of all four settings change from frame to frame as much as the data's, within a factor of two",
)
def categorical_videos_move(t: Table) -> dict[str, float]:
    return {model: motion(t, model) for model in SETTINGS}


latent_sizes = partial(claim, experiment="mocogan_latent_sizes", where="Figure 6, Section 4.2", ratio=True)


def of_sizes(t: Table, metric: str) -> float:
    """A content code of 50 over one of 10."""
    curve = t.by("d_C", metric=metric, model="MoCoGAN")
    return ratio(curve[50], curve[10], LEAST)


@latent_sizes(below=1.0, weak="V", text="a content code of 50 gives more consistent content than one of 10")
def larger_content_is_steadier(t: Table) -> float:
    return of_sizes(t, "ACD")


@latent_sizes(above=1.0, text="and better control")
def larger_content_controls_better(t: Table) -> float:
    return of_sizes(t, "MCS")


@moves(
    experiment="mocogan_latent_sizes",
    text="videos of both change from frame to frame as much as the data's, within a factor of two",
)
def both_sizes_move(t: Table) -> dict[str, float]:
    return {f"d_C = {size}": motion(t, "MoCoGAN", d_C=size) for size in (10, 50)}


disentanglement = partial(claim, experiment="mocogan_disentanglement", where="Figure 4b", weak="V")
longer = partial(claim, experiment="mocogan_longer_videos", where="Figures 7, 8")


def _content_ratio(t: Table, model: str) -> float:
    between, within = (t.value(metric=f"content_{of}", model=model) for of in ("between", "within"))
    return ratio(between, within, LEAST)


@disentanglement(
    above=2.0,
    ratio=True,
    text="a shape's colour is the content code's: it varies twice as much between contents as between motions",
)
def shapes_by_content(t: Table) -> float:
    return _content_ratio(t, "MoCoGAN")


@disentanglement(
    above=0.5,
    text="a shape's path is the motion code's: the same motion adds more than half of what it could add to the "
    "correlation of paths over contents",
)
def paths_by_motion(t: Table) -> float:
    return t.value(metric="path_by_motion", model="MoCoGAN")


@disentanglement(
    where="Figure 7",
    above=2.0,
    ratio=True,
    text="who a face is, is the content code's: colours vary twice as much between contents as between motions",
)
def faces_by_content(t: Table) -> float:
    return _content_ratio(t, DEFAULT)


def of_both(t: Table, metric: str, least: float = LEAST) -> dict[str, float]:
    """A number of the shapes' model and of the faces'."""
    return {model: max(t.value(metric=metric, model=model), least) for model in ("MoCoGAN", DEFAULT)}


@longer(
    where="Section 3, Figures 7, 8",
    of="numbers",
    below=1e-4,
    weak="T",
    text="a longer path begins as the shorter one does",
)
def begins_the_same(t: Table) -> dict[str, float]:
    return of_both(t, "first_codes_changed", 0.0)


@within_a_factor_of_two(
    experiment="mocogan_longer_videos",
    where="Figures 7, 8",
    text="beyond the length of the training clips there is as much motion as before, within a factor of two (ours)",
)
def motion_goes_on(t: Table) -> dict[str, float]:
    return of_both(t, "change_kept")


@longer(
    where="Section B: “the identity was kept fixed”",
    below=2.0,
    ratio=True,
    weak="T",
    text="and content stays: it drifts to no more than twice the distance (the threshold is ours)",
)
def content_stays(t: Table) -> dict[str, float]:
    return of_both(t, "content_drift")


image_to_video = partial(claim, experiment="mocogan_image_to_video")


@image_to_video(
    where="Table 5", above=50.0, bar_of="paper", text="people prefer MoCoGAN's videos to C-VGAN's and MCNET's"
)
def preferred(t: Table) -> dict[str, float]:
    rivals = ("C-VGAN", "MCNET")
    return {rival: t.value(metric="preference", model="MoCoGAN", against=rival) for rival in rivals}


@image_to_video(
    where="Section 4.3: “starting from the first frame”",
    below=1.0,
    ratio=True,
    weak="V",
    text="MoCoGAN's videos keep the content of their image better than C-VGAN's",
)
def keeps_the_image(t: Table) -> float:
    one, other = (t.value(metric="content_lost", model=model) for model in ("MoCoGAN", "C-VGAN"))
    return ratio(one, other, LEAST)


@moves(
    experiment="mocogan_image_to_video",
    where="ours: a frozen image keeps all",
    weak="V",
    text="and their shapes get as far as the data's, within a factor of two",
)
def continued_videos_move(t: Table) -> float:
    return motion(t, "MoCoGAN", "displacement")
