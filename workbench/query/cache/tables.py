"""The tables of cache.db, version by version."""

from typing import Final

from waterline.storage.schema import Schema

CACHE: Final = Schema(
    application_id=0x574C_4341,  # "WLCA"
    steps=(
        """
        CREATE TABLE log_cache (            -- one row an answer; it is never changed
            id TEXT PRIMARY KEY,            -- SHA-256 of the question with its since
            question TEXT NOT NULL,         -- SHA-256 of the question without its since
            since INTEGER NOT NULL,         -- it holds all logs of the question from here on
            log_type TEXT NOT NULL,         -- those that were asked for, or *
            incarnation TEXT NOT NULL,
            pruned INTEGER NOT NULL,        -- batches that were gone
            rows INTEGER NOT NULL,
            created_at INTEGER NOT NULL,    -- milliseconds UTC, as all times here
            expires_at INTEGER NOT NULL,
            data BLOB NOT NULL              -- an Arrow stream
        ) STRICT;
        CREATE INDEX log_cache_question ON log_cache (question, since);

        CREATE TABLE log_cache_state (      -- apart, for a change there would write data again
            id TEXT PRIMARY KEY,
            last_seq INTEGER NOT NULL,      -- it holds all logs of the question up to here
            last TEXT NOT NULL,             -- the log that has it, or its batch
            last_used_at INTEGER NOT NULL,
            hits INTEGER NOT NULL,
            checksum INTEGER NOT NULL       -- CRC-32 of the answer and all it is known by
        ) STRICT;

        CREATE TABLE query_duration (       -- the last questions
            id INTEGER PRIMARY KEY,
            timestamp INTEGER NOT NULL,     -- when it was answered
            milliseconds REAL NOT NULL,
            rows INTEGER NOT NULL,
            outcome TEXT NOT NULL           -- hit, merged or miss
        ) STRICT;
        """,
    ),
)
