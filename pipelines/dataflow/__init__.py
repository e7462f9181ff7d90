"""From a command to a Dataflow job: template metadata, the launcher's entry point, the client, update checks."""
