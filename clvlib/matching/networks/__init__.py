"""Points and reconstructions learnt with Keras, and what all networks share."""
