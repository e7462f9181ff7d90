"""From a command to a Dataflow job: metadata of the templates, the launcher's entry, the client, update checks."""
