"""What every loss needs, and nothing of any one loss."""
