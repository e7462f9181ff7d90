"""Generate documentation from the contract: pages, error codes, examples, JSON Schema."""
