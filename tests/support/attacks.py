"""Attackers on a server: random damage over sockets and requests, and what it must answer."""

import gzip
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from socket import SHUT_WR, create_connection
from socket import socket as Socket  # noqa: N812 - `socket` names our variables
from typing import Any, Final
from urllib.parse import urlsplit

from server.ingest import protobuf
from server.ingest.replies import AckMode
from server.ingest.syslog.framing import MAX_MESSAGE, Framer, bare
from server.websocket.frames import BINARY, CONTINUATION, PING, TEXT, Close, Failure, FrameParser
from server.websocket.messages import Inflater
from tests.support.frames import Deflater, frame, told
from tests.support.peers import DEFLATE, HANDSHAKE
from tests.support.posting import post, posted
from tests.support.processes import PATIENCE, ServerProcess
from tests.support.shipped import JSON, PACKED, PROTOBUF, WIRES, Wire, snappy
from tests.support.sockets import decode, log
from tests.support.syslog import counted, over_tcp, over_udp

BROKEN_RULES: Final = {1002, 1007, 1009}
# An attacker whose connection stays open listens for so many seconds and breaks off.
_LISTENS: Final = 0.02

_JUNK: Final = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b"9" * 5000,
    rb'"\ud800"',
    rb"\u0000",
    b"null",
    b"{}",
    b"[" * 2000,
    b'{"a":' * 2000,
    b'"id":"twice",',
    b'"type":1,',
    b'"timestamp":1e300,',
    b"\n",
    b",",
    b'"',
    b"\\",
    b"\0",
    b"\xc0\x80",
    b"\xef\xbb\xbf",
)


# Damage


def mutate(random: Random, data: bytes) -> bytes:
    """Return bytes with some damage by chance, or none."""
    damaged = bytearray(data)
    for _ in range(random.choice((0, 1, 1, 2, 5, 20))):
        start = random.randrange(len(damaged) + 1)
        end = min(start + random.choice((0, 1, 2, 8, 100)), len(damaged))
        kind = random.randrange(5)
        if kind == 0 and start < len(damaged):
            damaged[start] ^= 1 << random.randrange(8)
        elif kind == 1:
            damaged[start:end] = b""
        elif kind == 2:
            damaged[start:end] = random.randbytes(random.randrange(12))
        elif kind == 3:
            damaged[start:start] = damaged[start:end] * random.choice((1, 3))
        else:
            damaged[start:end] = random.choice(_JUNK)
    return bytes(damaged)


def valid_text(random: Random) -> bytes:
    """Return what a frame may hold: a log, an array of logs, or one a line."""
    logs = [
        log(
            id=f"id-{random.randrange(500)}",
            message="é𝄞 " * random.choice((0, 1, 30, 3000)),
            timestamp=random.choice((None, 0, "2026-03-17T12:00:00Z")),
            k={"list": [1, None, 2.5, {"deep": []}]},
        )
        for _ in range(random.choice((1, 1, 2, 30)))
    ]
    text = "\n".join(logs) if random.random() < 0.5 else f"[{','.join(logs)}]"
    return text.encode()


def valid_frames(random: Random, deflater: Deflater | None) -> bytes:
    """Return a stream of frames without a fault: whole, fragmented, compressed, pings."""
    stream = b""
    for _ in range(random.randrange(1, 12)):
        key, text = random.randbytes(4), valid_text(random)
        bits = 0
        if deflater is not None and random.random() < 0.5:
            text, bits = deflater.deflate(text), 0x40
        opcode = random.choice((TEXT, BINARY))
        if random.random() < 0.3:
            cut = random.randrange(len(text) + 1)
            stream += frame(opcode, text[:cut], final=False, bits=bits, key=key)
            stream += frame(PING, random.randbytes(random.randrange(126)), key=key)
            stream += frame(CONTINUATION, text[cut:], key=key)
        else:
            stream += frame(opcode, text, bits=bits, key=key)
    return stream


# Attackers on WebSockets: what each sends behind the handshake


def damaged_frames(random: Random, deflater: Deflater | None) -> bytes:
    return mutate(random, valid_frames(random, deflater))


def noise(random: Random, _: Deflater | None) -> bytes:
    return random.randbytes(random.choice((1, 2, 14, 100, 5000)))


def damaged_json(random: Random, _: Deflater | None) -> bytes:
    return b"".join(
        frame(random.choice((TEXT, BINARY)), mutate(random, valid_text(random)))
        for _ in range(random.randrange(1, 8))
    )


def sound_then_noise(random: Random, deflater: Deflater | None) -> bytes:
    return valid_frames(random, deflater) + noise(random, None)


SENT_TO_SOCKETS: Final = (damaged_frames, noise, damaged_json, sound_then_noise)


@dataclass(frozen=True)
class Target:
    """A server, the token with which it is attacked, and the messages of syslog it was sent.

    `sent` counts them by source; each source has one attacker.
    """

    server: ServerProcess
    token: str
    sent: Counter[str] = field(default_factory=Counter)


def attack_socket(
    target: Target, random: Random, make: Callable[[Random, Deflater | None], bytes]
) -> None:
    """Open a WebSocket, send an attack in pieces, and check all that comes back."""
    deflater, inflater = (Deflater(), Inflater()) if random.random() < 0.5 else (None, None)
    sent = make(random, deflater)
    # The parser is tested by itself; here its word must reach the attacker.
    expected = told(FrameParser(masked=True, inflater=inflater).feed(sent))
    ending = expected[-1] if expected and not isinstance(expected[-1], tuple) else None
    address = urlsplit(target.server.ingest)
    with create_connection((address.hostname, address.port), timeout=PATIENCE) as peer:
        heard = upgrade(peer, target.token, random.choice(list(AckMode)), deflater is not None)
        step = random.choice((1, 7, 1000)) if len(sent) < 200 else random.choice((1000, 2**20))
        try:
            for start in range(0, len(sent), step):
                peer.sendall(sent[start : start + step])
            peer.settimeout(_LISTENS if ending is None else PATIENCE)
            heard += listen(peer, to_end=ending is not None)
        except ConnectionError:
            # Who sends on behind its own farewell may lose the answer to it, and nobody else.
            assert isinstance(ending, Close), f"it was not told {ending}"
            return
    check_frames(heard, ending)


def upgrade(peer: Socket, token: str, ack: AckMode, compresses: bool) -> bytes:
    """Shake hands; return what came behind the answer."""
    more = f"Authorization: Bearer {token}\r\n" + DEFLATE.format("") * compresses
    request = HANDSHAKE.format(version=13, more=more)
    peer.sendall(request.replace("GET / ", f"GET /ingest?ack={ack} ").encode())
    heard = b""
    while b"\r\n\r\n" not in heard:
        part = peer.recv(2**16)
        assert part, "the upgrade was not answered"
        heard += part
    head, _, rest = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert (b"permessage-deflate" in head) == compresses
    return rest


def listen(peer: Socket, *, to_end: bool) -> bytes:
    """Return what comes up to the end of the connection, or until nothing comes for a while."""
    heard = b""
    try:
        while part := peer.recv(2**16):
            heard += part
    except TimeoutError:
        assert not to_end, "the connection was not closed"
    else:
        assert to_end, f"the connection was closed for no reason, behind {heard[-200:]!r}"
    return heard


def check_frames(heard: bytes, ending: Close | Failure | None) -> None:
    """See that a server said only what the contract has, and closed with the code that is due."""
    events = told(FrameParser(masked=False).feed(heard))
    closed = events.pop() if events and isinstance(events[-1], Close) else None
    for each in events:
        assert isinstance(each, tuple), each
        opcode, payload = each
        if opcode == TEXT:
            check_answer(decode(payload), "connection", "ack", "error")
    if ending is None:
        assert closed is None, closed
        return
    assert isinstance(closed, Close), f"it was not told {ending}"
    assert closed.code == ending.code
    if isinstance(ending, Failure):
        assert (closed.code in BROKEN_RULES, closed.reason) == (True, ending.reason)


def check_answer(answer: dict[str, Any], *kinds: str) -> None:
    """See that an answer has one of these kinds and the members of its kind."""
    assert answer["type"] in kinds, answer
    if answer["type"] == "error":
        assert answer["error"] == "invalid_log", answer
        assert answer["message"]
    for error in answer.get("errors", []):
        assert error["error"] == "invalid_log"
        assert error["message"]
        assert isinstance(error["index"], int)


# Attackers on POST: what each sends as a body


def damaged_body(random: Random) -> tuple[bytes, str]:
    return mutate(random, valid_text(random)), "identity"


def damaged_gzip(random: Random) -> tuple[bytes, str]:
    body = gzip.compress(mutate(random, valid_text(random)), mtime=0)
    return mutate(random, body) if random.random() < 0.7 else body[:10] + noise(
        random, None
    ), "gzip"


def rubbish(random: Random) -> tuple[bytes, str]:
    return noise(random, None), random.choice(("gzip", "zstd", "identity"))


SENT_AS_BODIES: Final = (damaged_body, damaged_gzip, rubbish)


def attack_by_post(
    target: Target, random: Random, make: Callable[[Random], tuple[bytes, str]]
) -> None:
    """Post a body and check the answer."""
    body, encoding = make(random)
    answer = post(target.server, body, token=target.token, Content_Encoding=encoding)
    if answer.status == 200:
        check_answer(answer.json, "ack")
        return
    assert (answer.status, answer.json["type"]) in {(400, "error"), (413, "error")}, answer
    assert answer.json["error"] in {"invalid_log", "damaged_body", "too_large"}, answer
    assert answer.json["message"]


# Attackers in the protocols of shippers


def shipped(random: Random, wire: Wire) -> tuple[bytes, dict[str, str]]:
    """Return a body of a protocol, damaged by chance before or after it is packed, and headers."""
    body = wire.make(random)
    if random.random() < 0.4:
        body = mutate(random, body)
    encoding, pack = random.choice(PACKED)
    if wire.path.startswith("/loki") and wire.content_type == PROTOBUF:
        pack = snappy  # which no header says
    body = pack(body)
    if random.random() < 0.2:
        body = mutate(random, body)
    kind = wire.content_type if random.random() < 0.95 else random.choice((JSON, PROTOBUF, ""))
    return body, {"Content-Type": kind, "Content-Encoding": encoding}


def attack_as_shipper(target: Target, random: Random, wire: Wire) -> None:
    """Send a body as a shipper does, at times in chunks, and check the answer."""
    body, headers = shipped(random, wire)
    step = random.choice((0, 0, 0, 1 + len(body) // 3))
    content = (body[at : at + step] for at in range(0, len(body), step)) if step else body
    check_shipped(*posted(target.server, wire.path, content, headers, target.token), wire)


def check_shipped(status: int, kind: str | None, body: bytes, wire: Wire) -> None:
    """See that a shipper is answered as the documents say.

    Args:
        status: the HTTP status.
        kind: the content type.
        body: the body of the answer.
        wire: the protocol.
    """
    assert status in {wire.success, 400, 413}, (status, body)
    if kind == JSON:
        assert isinstance(decode(body), dict)
    elif kind == PROTOBUF:
        known = protobuf.ExportLogsServiceResponse if status == 200 else protobuf.Status
        known.FromString(body)
    else:
        assert (body, status) == (b"", wire.success), (kind, body)


# Attackers on syslog, who hear no answer; what they send is counted


def valid_messages(random: Random) -> list[bytes]:
    """Return messages of syslog without a fault."""
    heads = (b"<13>", b"<11>1 2026-03-17T12:00:00Z web app 7 - - ", b"<30>Mar 17 12:00:00 web a: ")
    texts = (b"hello", "é𝄞 ".encode() * random.choice((0, 30, 3000)), b'{"a":[1]}', b"x")
    return [random.choice(heads) + random.choice(texts) for _ in range(random.randrange(1, 30))]


def stream_of_syslog(target: Target, random: Random) -> None:
    """Send a damaged stream in pieces over TCP, and hear nothing but the end."""
    messages = valid_messages(random)
    framed = [counted(each) if random.random() < 0.5 else each + b"\n" for each in messages]
    sent = mutate(random, b"".join(framed))
    if random.random() < 0.1:
        sent += b"<13>".ljust(random.choice((MAX_MESSAGE, MAX_MESSAGE + 9, 2**20)), b"x")
    step = random.choice((1, 7, 1000)) if len(sent) < 200 else random.choice((1000, 2**20))
    framer = Framer()
    # The framer is tested by itself; here each of its messages must be stored.
    expected = len(framer.feed(sent)) + len(framer.finish())
    with over_tcp(target.server) as peer:
        for start in range(0, len(sent), step):
            peer.sendall(sent[start : start + step])
        peer.shutdown(SHUT_WR)
        assert peer.recv(2**16) == b""
    target.sent["syslog-tcp"] += expected


def datagrams_of_syslog(target: Target, random: Random) -> None:
    """Send damaged datagrams."""
    with over_udp(target.server) as peer:
        for each in valid_messages(random):
            # An empty datagram is no message, but the kernel would count it among those it drops.
            sent = bare(mutate(random, each)[:65_507]) or b"x"
            peer.send(sent)
            target.sent["syslog-udp"] += 1
    # Whoever sends faster than all others together would leave them no time.
    assert target.server.get("/livez")[0] == 200


Attack = Callable[[Target, Random], None]


def on_socket(make: Callable[[Random, Deflater | None], bytes]) -> Attack:
    return lambda target, random: attack_socket(target, random, make)


def by_post(make: Callable[[Random], tuple[bytes, str]]) -> Attack:
    return lambda target, random: attack_by_post(target, random, make)


def as_shipper(wire: Wire) -> Attack:
    return lambda target, random: attack_as_shipper(target, random, wire)


ATTACKS: Final[dict[str, Attack]] = {
    **{make.__name__: on_socket(make) for make in SENT_TO_SOCKETS},
    **{make.__name__: by_post(make) for make in SENT_AS_BODIES},
    **{name: as_shipper(wire) for name, wire in WIRES.items()},
    stream_of_syslog.__name__: stream_of_syslog,
    datagrams_of_syslog.__name__: datagrams_of_syslog,
}
