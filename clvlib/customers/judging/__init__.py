"""What a sorting is worth: does it come out again, what of it is luck, what does it tell of the next period."""
