"""What `replay` and `redrive` are made of: ranges, the ledger, staging, and the one transaction that makes it stand."""
