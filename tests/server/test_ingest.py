"""The WebSocket contract for producers, over a real socket."""

import msgspec

from tests.support.processes import ServerProcess


def test_an_ack_names_the_stored_id_and_seq(server: ServerProcess) -> None:
    socket = server.connect()
    socket.send('{"id":"a","type":"info","message":"hello"}')
    ack = msgspec.json.decode(socket.recv())
    socket.close()
    assert ack == {"type": "ack", "logId": "a", "seq": 1, "timestamp": ack["timestamp"]}
