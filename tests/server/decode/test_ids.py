"""Ids that logs without one get: they sort by time, over all batches."""

import uuid

from server.decode.frames import read_frames


def test_ids_made_here_are_uuids_that_sort_by_time() -> None:
    found = [
        log_id
        for _ in range(5)
        for log_id in read_frames([b"{}", *[b'{"type":"x","message":"m"}'] * 500], "a").ids
    ]
    assert len(found) == 2_500
    assert found == sorted(set(found))
    assert {uuid.UUID(log_id).version for log_id in found} == {7}
