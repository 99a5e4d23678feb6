"""What a model costs, from its types alone: its calls, their FLOPs and memory, its parameters."""
