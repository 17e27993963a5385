"""Mathematics that losses share, without any loss."""
