"""Pictures of networks: a checked program traced to a graph, and what is drawn of it."""
