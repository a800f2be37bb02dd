"""Supervised models of value: features strictly before a cut, targets after it, and what makes it fair."""
