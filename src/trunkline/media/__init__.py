"""Media that ends in this process."""
