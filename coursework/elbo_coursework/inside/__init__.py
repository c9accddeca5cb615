"""What runs beside a student's code: the standard library alone, and nothing that a student may not see.

This folder, and no other of the package, is laid open to the process in which a student's code runs.
"""
