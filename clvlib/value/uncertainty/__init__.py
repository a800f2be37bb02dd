"""How sure the figures are: posteriors of parameters, predictive and distribution-free intervals."""
