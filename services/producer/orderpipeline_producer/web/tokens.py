"""Names in header fields that HTTP compares without regard to case."""


def token(text: str) -> str:
    """The token in lower case, without blanks around it. One that is not ASCII remains as it is: Unicode would fold the
    Kelvin sign into a k, so that this server understood what another refuses.
    """
    bare = text.strip(" \t")
    return bare.lower() if bare.isascii() else bare


def media_type(content_type: str) -> str:
    """The media type in a Content-Type header, in lower case and without parameters."""
    return token(content_type.partition(";")[0])
