"""How long customers stay: lifetimes without notice, Kaplan and Meier's curve, a hazard for every period."""
