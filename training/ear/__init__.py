"""Programs that make nano's ear: a streaming encoder from 16 kHz sound to words, trained on synthetic speech only."""
