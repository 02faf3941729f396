"""From sound to words: voice activity, the streaming encoder, and the speech-to-text bridges."""
