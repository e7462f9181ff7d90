"""Benchmarks on the reader's machine: every variant in a separate process, in turn, compared as ratios."""
