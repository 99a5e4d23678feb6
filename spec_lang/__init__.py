"""specc: neural networks as specs."""
