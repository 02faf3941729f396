"""From words or speech codes to sound: the codec, phrases, and the text-to-speech bridge."""
