"""Ground truth: finite tables and linear-Gaussian models, in closed form or by enumeration. No torch."""
