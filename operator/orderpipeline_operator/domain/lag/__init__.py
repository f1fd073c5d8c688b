"""How far the consumers lag behind the producers: from readings of offsets to samples of the lag. Pure."""
