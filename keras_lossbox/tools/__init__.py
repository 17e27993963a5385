"""What goes around the losses: `diagnose`, `compare`, the demo, weights from labels, the curves of the pictures."""
