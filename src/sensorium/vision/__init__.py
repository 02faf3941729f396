"""From a picture's file to what is seen: decoding, the image encoder, and a fake for tests around it."""
