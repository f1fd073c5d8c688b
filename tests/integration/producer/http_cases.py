"""HTTP/1.1 case by case: what is sent on a raw socket, which statuses come back, how many orders were taken."""

import gzip
from typing import Final

from backports import zstd

RAW: Final = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":1.5}'
J: Final = b"Host: x\r\nContent-Type: application/json\r\n"
L: Final = b"Host: x\r\nContent-Type: application/x-ndjson\r\n"
N: Final = b"Content-Length: %d\r\n" % len(RAW)
POST: Final = b"POST /order HTTP/1.1\r\n"
BATCH: Final = b"POST /orders/batch HTTP/1.1\r\n"
TE: Final = b"Transfer-Encoding: chunked\r\n"
CHUNK: Final = b"%x\r\n%s\r\n" % (len(RAW), RAW)
GOOD: Final = POST + J + N + b"\r\n" + RAW
GET: Final = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def get(line: bytes = b"GET /health HTTP/1.1", fields: bytes = b"Host: x\r\n") -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


def sized(fields: bytes, body: bytes, line: bytes = POST) -> bytes:
    return line + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(*pieces: bytes, fields: bytes = J, line: bytes = POST) -> tuple[bytes, ...]:
    return (line + fields + TE + b"\r\n" + pieces[0], *pieces[1:])


SMUGGLED: Final = GET
CASES: Final[dict[str, tuple[tuple[bytes, ...], list[int], int]]] = {
    # Well-formed, in all its forms.
    "one order": ((GOOD,), [202], 1),
    "head and body apart": ((GOOD[:-20], GOOD[-20:]), [202], 1),
    "head in three pieces": ((GOOD[:7], GOOD[7:30], GOOD[30:]), [202], 1),
    "cut within the empty line": ((GOOD[: -len(RAW) - 1], GOOD[-len(RAW) - 1 :]), [202], 1),
    "byte by byte": (tuple(bytes([byte]) for byte in GET), [200], 0),
    "an empty line before a request": ((b"\r\n" + GET,), [200], 0),
    "two empty lines before a request": ((b"\r\n\r\n" + GET,), [400], 0),
    "keep-alive": ((GOOD, GOOD, GET), [202, 202, 200], 2),
    "pipelined": ((GOOD * 5 + GET,), [202] * 5 + [200], 5),
    "pipelined and mixed": ((GOOD + get(b"GET /nowhere HTTP/1.1") + GOOD,), [202, 404, 202], 2),
    "pipelined, the last cut": ((GOOD * 2 + GOOD[:40], GOOD[40:]), [202] * 3, 3),
    "pipelined chunked": ((chunks(CHUNK + b"0\r\n\r\n")[0] * 3 + GET,), [202] * 3 + [200], 3),
    "pipelined heads only": ((GET * 50,), [200] * 50, 0),
    "GET with a body that is not asked for": ((get(fields=b"Host: x\r\nContent-Length: 3\r\n") + b"abc" + GET,),
                                               [200, 200], 0),
    "GET with a chunked body": ((get(fields=b"Host: x\r\n" + TE) + b"1\r\na\r\n0\r\n\r\n" + GET,), [200, 200], 0),
    "HEAD": ((get(b"HEAD /health HTTP/1.1") + GET,), [200, 200], 0),
    "HEAD of nothing": ((get(b"HEAD /nowhere HTTP/1.1") + GET,), [404, 200], 0),
    "HEAD where only POST is": ((get(b"HEAD /order HTTP/1.1"),), [405], 0),
    "OPTIONS": ((get(b"OPTIONS /order HTTP/1.1"),), [405], 0),
    "OPTIONS *": ((get(b"OPTIONS * HTTP/1.1"),), [404], 0),
    "PUT": ((sized(J, RAW, b"PUT /order HTTP/1.1\r\n"),), [405], 0),
    "a method of one's own": ((get(b"BREW /order HTTP/1.1"),), [405], 0),
    "methods are case-sensitive": ((get(b"get /health HTTP/1.1"),), [405], 0),
    "a query is no part of the path": ((get(b"GET /health?a=/b HTTP/1.1"),), [200], 0),
    "field names in any case": ((sized(b"hOST: x\r\nCONTENT-TYPE: application/json\r\n", RAW),), [202], 1),
    "no blank, or much of it": ((sized(b"Host:x\r\nContent-Type: \t application/json \t\r\n", RAW),), [202], 1),
    "an empty field": ((get(fields=b"Host: x\r\nX-Empty:\r\n"),), [200], 0),
    "bytes over 127 in a value": ((get(fields=b"Host: x\r\nX: \xc3\xa9\xff\r\n"),), [200], 0),
    "absolute form": ((get(b"GET http://x/health HTTP/1.1"),), [200], 0),
    "absolute form without a path": ((get(b"GET http://x HTTP/1.1"),), [404], 0),
    "a port in Host": ((get(fields=b"Host: orders.example.com:8080\r\n"),), [200], 0),
    "IPv6 in Host": ((get(fields=b"Host: [::1]:8080\r\n"),), [200], 0),
    "Content-Length of 0": ((POST + J + b"Content-Length: 0\r\n\r\n",), [400], 0),
    "Content-Length with leading zeros": ((POST + J + b"Content-Length: 000%d\r\n\r\n" % len(RAW) + RAW,), [202], 1),
    "no body announced": ((POST + J + b"\r\n" + GET,), [400, 200], 0),
    # Connections: who closes them, and when.
    "HTTP/1.0 closes": ((GOOD.replace(b"1.1", b"1.0"), GOOD), [202], 1),
    "HTTP/1.0 keep-alive closes all the same": ((get(b"GET /health HTTP/1.0", b"Host: x\r\nConnection: keep-alive\r\n"),
                                                  GET), [200], 0),
    "Connection: close": ((sized(J + b"Connection: close\r\n", RAW) + GOOD,), [202], 1),
    "Connection: close among others": ((get(fields=b"Host: x\r\nConnection: foo, Close\r\n") + GET,), [200], 0),
    "an upgrade is declined": ((sized(J + b"Connection: upgrade\r\nUpgrade: h2c\r\n", RAW) + GET,), [202, 200], 1),
    "an upgrade without a body": ((get(fields=b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n") + GET,),
                                  [200, 200], 0),
    # Chunked bodies.
    "chunked": (chunks(CHUNK + b"0\r\n\r\n"), [202], 1),
    "chunked, cut everywhere": (chunks(*[bytes([b]) for b in CHUNK + b"0\r\n\r\n"]), [202], 1),
    "many chunks": (chunks(b"".join(b"1\r\n%c\r\n" % b for b in RAW) + b"0\r\n\r\n"), [202], 1),
    "upper-case and zero-led sizes": (chunks(b"00%X\r\n%s\r\n000\r\n\r\n" % (len(RAW), RAW)), [202], 1),
    "chunk extensions are dropped": (chunks(b"%x;a=b;c=\"d\"\r\n%s\r\n0;e\r\n\r\n" % (len(RAW), RAW)), [202], 1),
    "trailers are dropped": (chunks(CHUNK + b"0\r\nX-A: b\r\nContent-Length: 5\r\n\r\n" + GET), [202, 200], 1),
    "chunked in any case": ((POST + J + b"TRANSFER-ENCODING: Chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",), [202], 1),
    "chunked lines": (chunks(b"%x\r\n%s\n\r\n" % (len(RAW) + 1, RAW), CHUNK, b"0\r\n\r\n", fields=L, line=BATCH),
                      [202], 2),
    "a size that is no number": (chunks(b"zz\r\n"), [400], 0),
    "no size at all": (chunks(b"\r\n"), [400], 0),
    "a negative size": (chunks(b"-1\r\n"), [400], 0),
    "a size in 0x notation": (chunks(b"0x3f\r\n"), [400], 0),
    "a size with a sign": (chunks(b"+3\r\n"), [400], 0),
    "a size led by a blank": (chunks(b" 3\r\n"), [400], 0),
    "a size with an underscore": (chunks(b"1_0\r\n"), [400], 0),
    "a size beyond 64 bits": (chunks(b"fffffffffffffffff\r\n"), [400], 0),
    "a size ended by LF alone": (chunks(CHUNK.replace(b"\r\n", b"\n")), [400], 0),
    "an extension ended by LF alone": (chunks(b"3;a\nabc\r\n0\r\n\r\n"), [400], 0),
    "an extension with a CR in it": (chunks(b"3;a\rb\r\nabc\r\n0\r\n\r\n"), [400], 0),
    "a chunk longer than its size": (chunks(b"3\r\nabcd\r\n0\r\n\r\n"), [400], 0),
    "a chunk ended by LF alone": (chunks(b"3\r\nabc\n0\r\n\r\n"), [400], 0),
    "a malformed trailer": (chunks(CHUNK + b"0\r\nno colon\r\n\r\n"), [400], 0),
    "a folded trailer": (chunks(CHUNK + b"0\r\nA: b\r\n c\r\n\r\n"), [400], 0),
    "trailers ended by LF alone": (chunks(CHUNK + b"0\r\n\n" + GET), [400], 0),
    "endless trailers": (chunks(CHUNK + b"0\r\n" + b"A: b\r\n" * 3000), [400], 0),
    "endless extensions": (chunks(b"5;" + b"a" * 80_000), [400], 0),
    # Ambiguous framing: two servers could see different requests.
    "both lengths": ((POST + J + N + TE + b"\r\n" + CHUNK + b"0\r\n\r\n" + SMUGGLED,), [400], 0),
    "both lengths, the other way round": ((POST + J + TE + N + b"\r\n0\r\n\r\n" + SMUGGLED,), [400], 0),
    "two different lengths": ((POST + J + N + b"Content-Length: 5\r\n\r\n" + RAW,), [400], 0),
    "two equal lengths": ((POST + J + N + N + b"\r\n" + RAW,), [400], 0),
    "a list of lengths": ((POST + J + b"Content-Length: 5, 5\r\n\r\n" + RAW,), [400], 0),
    "a negative length": ((POST + J + b"Content-Length: -1\r\n\r\n" + SMUGGLED,), [400], 0),
    "a length with a sign": ((POST + J + b"Content-Length: +62\r\n\r\n" + RAW,), [400], 0),
    "a length in hexadecimal": ((POST + J + b"Content-Length: 0x3e\r\n\r\n" + RAW,), [400], 0),
    "a length with an underscore": ((POST + J + b"Content-Length: 6_2\r\n\r\n" + RAW,), [400], 0),
    "a length of other digits": ((POST + J + "Content-Length: ٦٢\r\n\r\n".encode() + RAW,), [400], 0),
    "an empty length": ((POST + J + b"Content-Length:\r\n\r\n" + RAW,), [400], 0),
    "a length beyond 64 bits": ((POST + J + b"Content-Length: 99999999999999999999\r\n\r\n",), [400], 0),
    "chunked twice": ((POST + J + TE + TE + b"\r\n0\r\n\r\n",), [400], 0),
    "chunked and another coding": ((POST + J + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",), [400], 0),
    "chunked not last": ((POST + J + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",), [400], 0),
    "an unknown coding": ((POST + J + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",), [400], 0),
    "identity": ((POST + J + b"Transfer-Encoding: identity\r\n\r\n" + RAW,), [400], 0),
    "a quoted coding": ((POST + J + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',), [400], 0),
    "a coding behind a vertical tab": ((POST + J + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",), [400], 0),
    "a coding that only Unicode folds": ((POST + J + "Transfer-Encoding: chun\u212aed\r\n\r\n0\r\n\r\n".encode(),),
                                         [400], 0),
    "an empty coding": ((POST + J + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",), [400], 0),
    "chunked in HTTP/1.0": ((POST.replace(b"1.1", b"1.0") + J + TE + b"\r\n" + CHUNK + b"0\r\n\r\n",), [400], 0),
    "a blank before the colon": ((POST + J + b"Content-Length : 62\r\n\r\n" + RAW,), [400], 0),
    "a folded field": ((get(fields=b"Host: x\r\nX: a\r\n b\r\n"),), [400], 0),
    "a folded first field": ((get(fields=b" Host: x\r\n"),), [400], 0),
    "lines ended by LF alone": ((GET.replace(b"\r\n", b"\n"),), [400], 0),
    "one line ended by LF alone": ((get(fields=b"Host: x\nX: y\r\n"),), [400], 0),
    "a head ended by LF alone": ((b"GET /health HTTP/1.1\r\nHost: x\r\n\n",), [400], 0),
    "a CR within a value": ((get(fields=b"Host: x\r\nX: a\rContent-Length: 5\r\n"),), [400], 0),
    "a NUL within a value": ((get(fields=b"Host: x\r\nX: a\0b\r\n"),), [400], 0),
    "a field without a colon": ((get(fields=b"Host: x\r\nnonsense\r\n"),), [400], 0),
    "a field without a name": ((get(fields=b"Host: x\r\n: y\r\n"),), [400], 0),
    "a name with brackets": ((get(fields=b"Host: x\r\nX(y): z\r\n"),), [400], 0),
    "a body that holds a request": ((sized(b"Host: x\r\nContent-Type: text/plain\r\n", GOOD) + GET,), [415, 200], 0),
    "a cut body that holds a request": ((sized(b"Host: x\r\nContent-Type: text/plain\r\n", GOOD * 9)[:-500], GET),
                                        [415], 0),
    # Request lines and hosts.
    "no Host": ((get(fields=b""),), [400], 0),
    "no Host in HTTP/1.0": ((get(b"GET /health HTTP/1.0", b""),), [400], 0),
    "two Hosts": ((get(fields=b"Host: x\r\nHost: x\r\n"),), [400], 0),
    "an empty Host": ((get(fields=b"Host:\r\n"),), [400], 0),
    "a path in Host": ((get(fields=b"Host: x/y\r\n"),), [400], 0),
    "a user in Host": ((get(fields=b"Host: a@x\r\n"),), [400], 0),
    "a blank in Host": ((get(fields=b"Host: x y\r\n"),), [400], 0),
    "absolute form with another host": ((get(b"GET http://y/health HTTP/1.1"),), [400], 0),
    "absolute form with a user": ((get(b"GET http://a@x/health HTTP/1.1"),), [400], 0),
    "absolute form of another scheme": ((get(b"GET ftp://x/health HTTP/1.1"),), [400], 0),
    "authority form": ((get(b"CONNECT x:80 HTTP/1.1") + SMUGGLED,), [400], 0),
    "a fragment": ((get(b"GET /health#a HTTP/1.1"),), [400], 0),
    "a relative path": ((get(b"GET health HTTP/1.1"),), [400], 0),
    "* for anything but OPTIONS": ((get(b"GET * HTTP/1.1"),), [400], 0),
    "two blanks": ((get(b"GET  /health HTTP/1.1"),), [400], 0),
    "a tab for a blank": ((get(b"GET\t/health HTTP/1.1"),), [400], 0),
    "a blank behind the version": ((get(b"GET /health HTTP/1.1 "),), [400], 0),
    "a blank in the target": ((get(b"GET /hea lth HTTP/1.1"),), [400], 0),
    "bytes over 127 in the target": ((get(b"GET /\xff HTTP/1.1"),), [400], 0),
    "HTTP/0.9": ((b"GET /health\r\n\r\n",), [400], 0),
    "HTTP/1.2": ((get(b"GET /health HTTP/1.2"),), [400], 0),
    "HTTP/2": ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), [400], 0),
    "http in lower case": ((get(b"GET /health http/1.1"),), [400], 0),
    "a TLS hello": ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),), [400], 0),
    "garbage behind a good order": ((GOOD + b"GARBAGE\r\n\r\n" + GOOD,), [202, 400], 1),
    # Limits.
    "a long target": ((get(b"GET /" + b"a" * 9000 + b" HTTP/1.1"),), [400], 0),
    "a long field": ((get(fields=b"Host: x\r\nX: " + b"a" * 9000 + b"\r\n"),), [400], 0),
    "many fields": ((get(fields=b"Host: x\r\n" + b"X: y\r\n" * 101),), [400], 0),
    "a long head": ((get(fields=b"Host: x\r\n" + (b"X: " + b"a" * 1000 + b"\r\n") * 20),), [400], 0),
    "a head that never ends": ((b"GET /health HTTP/1.1\r\n" + b"X: aaaaaaaa\r\n" * 2000,), [400], 0),
    "an order too large by its length": ((POST + J + b"Content-Length: 2001\r\n\r\n",), [413], 0),
    "an order too large as it comes": (chunks(b"7d1\r\n" + b" " * 2001), [413], 0),
    "an order too large by its chunk": (chunks(b"7d1\r\n"), [413], 0),
    "an order too large by a later chunk": (chunks(b"1\r\n{\r\n", b"7d0\r\n"), [413], 0),
    "a chunk past 32 bits": (chunks(b"1ffffffff\r\n"), [413], 0),
    "lines too large by their chunk": (chunks(b"186a1\r\n", fields=L, line=BATCH), [413], 0),
    "a batch too large by its length": ((BATCH + J + b"Content-Length: 100001\r\n\r\n",), [413], 0),
    # Expectations.
    "100-continue": ((POST + J + N + b"Expect: 100-continue\r\n\r\n", RAW, GET), [100, 202, 200], 1),
    "100-continue chunked": ((POST + J + TE + b"Expect: 100-Continue\r\n\r\n", CHUNK + b"0\r\n\r\n"), [100, 202], 1),
    "100-continue with the body already here": ((POST + J + N + b"Expect: 100-continue\r\n\r\n" + RAW,), [202], 1),
    "100-continue refused by type": ((POST + L + N + b"Expect: 100-continue\r\n\r\n",), [415], 0),
    "100-continue refused by size": ((POST + J + b"Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n",), [413], 0),
    "100-continue in HTTP/1.0 is ignored": ((POST.replace(b"1.1", b"1.0") + J + N + b"Expect: 100-continue\r\n\r\n",
                                              RAW), [202], 1),
    "another expectation": ((POST + J + N + b"Expect: tea\r\n\r\n",), [417], 0),
    # Packed bodies.
    "gzip": ((sized(J + b"Content-Encoding: gzip\r\n", gzip.compress(RAW)),), [202], 1),
    "zstd": ((sized(J + b"Content-Encoding: zstd\r\n", zstd.compress(RAW)),), [202], 1),
    "gzip cut": ((sized(J + b"Content-Encoding: gzip\r\n", gzip.compress(RAW)[:-1]),), [400], 0),
    "a gzip bomb": ((sized(J + b"Content-Encoding: gzip\r\n", gzip.compress(bytes(500_000))),), [413], 0),
    "a zstd bomb": ((sized(J + b"Content-Encoding: zstd\r\n", zstd.compress(bytes(500_000))),), [413], 0),
    "an unknown encoding": ((sized(J + b"Content-Encoding: br\r\n", RAW) + GET,), [415, 200], 0),
    "packed lines": ((sized(L + b"Content-Encoding: gzip\r\n", gzip.compress((RAW + b"\n") * 3), BATCH),), [202], 3),
}  # fmt: skip
