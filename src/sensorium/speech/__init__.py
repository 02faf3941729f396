"""From words to sound: phrases, and the text-to-speech bridge."""
