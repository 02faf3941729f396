"""Programs that make nano's eye: a small encoder from pictures to embeddings, trained on drawn pictures."""
