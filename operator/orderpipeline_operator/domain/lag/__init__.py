"""How far the consumers trail the producers: from readings of offsets to samples of the lag. Pure."""
