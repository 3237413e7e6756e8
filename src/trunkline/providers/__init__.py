"""Number providers and voice engines over their REST."""
