"""Readers of model files: each turns one format into a `qnn` module."""

from __future__ import annotations


class ModelError(ValueError):
    """A model that cannot be read, with one line for each reason."""

    messages: tuple[str, ...]
    """Lines for people: lower-case, without a full stop."""

    def __init__(self, *messages: str):
        super().__init__("\n".join(messages))
        self.messages = messages
