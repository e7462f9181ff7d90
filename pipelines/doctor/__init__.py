"""What the command `doctor` looks at, a room a kind of resource. A check yields findings and changes nothing."""
