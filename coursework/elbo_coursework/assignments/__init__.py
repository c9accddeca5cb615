"""The assignments, one module each: how their instances are drawn, the reference solutions and common mistakes."""
