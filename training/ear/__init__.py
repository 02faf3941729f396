"""Programs that make nano's ear: a streaming encoder from sound to words, trained on synthetic speech."""
