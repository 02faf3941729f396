"""From sound to words and embeddings: voice activity, the streaming encoder, the speech-to-text bridges."""
