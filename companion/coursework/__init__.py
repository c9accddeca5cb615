"""Assignments that a class can do and an instructor can trust: questions from a seed, and their grading."""
