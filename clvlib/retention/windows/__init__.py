"""What is known of a customer at a date: snapshots, their splits in time, and the weeks before them."""
