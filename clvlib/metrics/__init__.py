"""Arrays in, numbers out: each metric in a module named after what it measures. Nothing here fits, draws or reads."""
