"""Start and configure the runners of this machine: DirectRunner, Prism, the Pub/Sub emulator."""
