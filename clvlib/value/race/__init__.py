"""Who takes part in the race of chapter 3.4, and what it is measured against."""
