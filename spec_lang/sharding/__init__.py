"""What of a model can be cut over several devices: derived from the dataflow of a checked program."""
