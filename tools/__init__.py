"""The command lines, thin over the API: `sima-opt` and `sima-run`."""
