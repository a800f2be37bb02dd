"""What to do about it: actions, rules and their audit, policies in money, thresholds."""
