"""What the stores should be, how that differs from what they are, and which differences may be made."""
