"""Number providers and voice engines over their REST, a file each, and the sandbox that stands in for all of them."""
