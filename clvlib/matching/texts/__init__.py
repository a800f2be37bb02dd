"""Matching by the words of the products."""
