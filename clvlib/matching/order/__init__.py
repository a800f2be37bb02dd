"""What the order of purchases says about the next: events, a chain, and two networks."""
