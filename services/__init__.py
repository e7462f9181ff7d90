"""Services beside the pipelines. They import `schemas` and the read model, and no Beam."""
