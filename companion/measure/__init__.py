"""Estimates of a model's quantities on real images, each with its standard error."""

from companion.measure.estimates import evaluate

__all__ = ["evaluate"]
