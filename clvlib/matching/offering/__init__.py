"""From a list to a mail: what a place is expected to earn, in which order, and why it is there."""
