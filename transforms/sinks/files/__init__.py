"""Write lake files: encode, write whole, name uniquely, list in manifests."""
