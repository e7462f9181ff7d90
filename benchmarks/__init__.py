"""What this costs, measured on the reader's machine: every variant in a process of its own, in turn, as ratios."""
