"""Media that ends in this process: ports, and the agents that speak on them."""
