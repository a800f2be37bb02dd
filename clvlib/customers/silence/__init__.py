"""How long a silence means that somebody will not come back, and how often that is wrong."""
