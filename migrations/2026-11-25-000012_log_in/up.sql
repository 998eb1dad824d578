-- Log-in: tokens whose answers got lost, and attempts that are slowed down.

-- The token before the current one, which may come again for a while: an answer that got lost must not end a session.
ALTER TABLE sessions ADD COLUMN previous_hash bytea;

-- What is counted to slow down who guesses passwords or floods mailboxes. A slot is a part of a keyed hash of the account or
-- the address that is meant, whether it is there or not: rows tell nobody who tried what, and they are not many, whatever
-- is tried.
CREATE TABLE attempts (
    kind    integer NOT NULL,
    slot    integer NOT NULL CHECK (slot BETWEEN 0 AND 1048575),
    count   integer NOT NULL DEFAULT 1 CHECK (count > 0),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, slot)
);
CREATE INDEX attempts_by_age ON attempts (last_at);
GRANT SELECT, INSERT (kind, slot), UPDATE (count, last_at), DELETE ON attempts TO landlord_app;
GRANT SELECT, DELETE ON attempts TO landlord_platform;
