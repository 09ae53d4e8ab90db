"""Code that reads the benchmark data's own package."""
