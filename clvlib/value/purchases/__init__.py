"""How often customers buy, until they stop, and what they spend: a module a model, and what the models share."""
