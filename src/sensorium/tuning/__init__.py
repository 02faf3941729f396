"""How a voice is made of recordings, and how it sounds. Making needs the extra [train]."""
