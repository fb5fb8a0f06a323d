"""The `qnn` and `sima` dialects, one a file, and the pieces that their definitions share."""
