"""Estimates of a model's quantities on real images, each with its standard error."""

from companion.measure.evaluation import ImportanceBound, evaluate, iwae, iwae_gain

__all__ = ["ImportanceBound", "evaluate", "iwae", "iwae_gain"]
