"""Checks of the command `doctor`, one module per kind of resource. A check yields findings and changes nothing."""
