"""Readers of model files: each turns one format into a `qnn` module."""
