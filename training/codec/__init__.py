"""The mouth's codec: speech to 50 codes a second and back."""
