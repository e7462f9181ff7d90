"""What a rate of events costs in workers and storage, from figures that were measured here and limits that Google names."""
