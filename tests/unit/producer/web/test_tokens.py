"""Tokens compare as ASCII."""

from orderpipeline_producer.web.tokens import media_type, token


def test_tokens_are_ascii_in_any_case() -> None:
    assert token(" \tGZip ") == "gzip"
    assert media_type("Application/JSON ; charset=utf-8") == "application/json"
    for text in ("\u212a", "gzip\u00a0", "\x85gzip", "\u0130"):
        assert token(text) == text
