"""The `qnn` and `sima` dialects: one dialect a file, and the pieces that their definitions share."""
