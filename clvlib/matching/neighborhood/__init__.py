"""What is alike: similarities, the nearest of each row, and what follows from them for lists and ratings."""
