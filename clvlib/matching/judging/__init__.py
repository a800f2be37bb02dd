"""One task for all models, and what lists are held against: groups, a leak meter, an oracle."""
