"""Names that measurements, claims and figures share."""

BIGGAN, DEEP = "BigGAN", "BigGAN-deep"
HUB = ", scaled as on TF-Hub"  # after a model's name: the other way of truncating
READ_OUTS = ("none", "best FID", "validation IS", "most IS")  # Table 2's columns

# Arms of Section 3.1, and what the paper's text calls them.
WITHOUT, WITH = "without orthogonal regularisation", "with orthogonal regularisation"
AMENABLE = 0.98  # of the score without truncation, at every threshold; ours
REGULARISATION = {"+ skip-z": WITHOUT, "+ orthogonal (BigGAN)": WITH}

NO_PENALTY = "no penalty"  # of Section 4: what penalties are held against
NORMAL = "N(0,I)"  # of Appendix E: what other latents are held against
BERNOULLI = "Bernoulli {0,1}"

STANDING = "standing"  # of Appendix C.1: what normalises samples; else "batches of" so many
BATCHES = (4, 16, 64)
