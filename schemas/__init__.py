"""What the data is: the contract as code. Imports no Beam."""
