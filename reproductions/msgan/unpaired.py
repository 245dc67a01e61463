"""The mode seeking term on DRIT, for two domains without pairs (Table 4)."""

from typing import ClassVar

from common.data.kinds.domains import NAMES
from common.training.adversarial import Losses
from reproductions.baselines.drit import DRIT, Translations
from reproductions.msgan.method import mode_seeking


class UnpairedMSGAN(DRIT):
    """Two codes a content; the adversarial loss of both, and the term into either domain, on the first translation
    only (Appendix A) and where generator and content encoder step without the attribute encoder (code).
    """

    curves: ClassVar[tuple[str, ...]] = (*DRIT.curves, "mode_seeking")
    draws = 2

    def alone_loss(self, batch: Translations) -> Losses:
        pairs = [batch.random[name].chunk(2) for name in NAMES]
        terms = [mode_seeking((one - other).abs().mean(), *batch.z.chunk(2)) for one, other in pairs]
        return super().alone_loss(batch).plus(self.settings["lambda_ms"] * sum(terms), mode_seeking=sum(terms))
