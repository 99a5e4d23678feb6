"""Types of hyperparameters and tensors, and what fits them."""
