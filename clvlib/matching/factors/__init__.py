"""One regression for all items, and customers and items as a few factors; both solved, not trained."""
