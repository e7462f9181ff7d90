"""Track order sagas in batch and in keyed streaming state."""
