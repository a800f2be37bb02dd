"""What is bought together: itemsets, rules, their check on later baskets, and offers made of them."""
