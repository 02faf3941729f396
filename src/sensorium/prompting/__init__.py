"""What the model reads: sources, tiers, composition and its explanation. Pure; knows no tokens."""
