"""What customers are worth: discounting, and what acquisition cohorts really brought."""
