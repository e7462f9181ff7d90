"""What runs: the pipelines, the commands around them, and the endpoints that a laptop needs."""
