"""The mode seeking term on StackGAN++ (Table 5)."""

from typing import ClassVar

from common.training.adversarial import Losses
from reproductions.baselines.stackgan import Drawn, StackGAN
from reproductions.msgan.method import mode_seeking


class TextMSGAN(StackGAN):
    """Two draws of z and text code a text, and the term on the last stage's images and z (Appendix A, code).

    Text codes differ between the two as well and stand in neither distance: the term is not on them (Section 4.4).
    """

    curves: ClassVar[tuple[str, ...]] = (*StackGAN.curves, "mode_seeking")
    draws: ClassVar[int] = 2

    def generator_loss(self, batch: Drawn) -> Losses:
        losses = super().generator_loss(batch)
        one, other = batch.fake[-1].chunk(2)
        term = mode_seeking((one - other).abs().mean(), *batch.z.chunk(2))
        return losses.plus(self.settings["lambda_ms"] * term, mode_seeking=term)
