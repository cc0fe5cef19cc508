"""Experiments: what a brief declares, how it is measured and how it is decided."""
