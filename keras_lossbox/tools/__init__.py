"""What goes around the losses: `diagnose`, the demo, weights from labels, the curves of the pictures."""
