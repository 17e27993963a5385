"""Mathematics that losses share; it knows of no loss."""
