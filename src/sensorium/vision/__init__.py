"""From a picture to what is seen: the image encoder, and a fake for tests around it."""
