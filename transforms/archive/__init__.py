"""Write every message as it arrived to the Avro archive."""
