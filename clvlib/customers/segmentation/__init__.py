"""Ways to sort customers: scores and names, clusters and their number, tiers of value."""
