"""How nano's mind is made: scenes of the world, a small decoder, its training, its export."""
