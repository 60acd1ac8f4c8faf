-- The outbox. Times are ISO 8601 in UTC, by the company's clock.
CREATE TABLE entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    company TEXT NOT NULL,
    entity TEXT NOT NULL,
    operation TEXT NOT NULL,
    object TEXT NOT NULL,
    identity TEXT NOT NULL,
    generation INTEGER NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    control_id TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    label TEXT NOT NULL,
    position TEXT NOT NULL,
    tracked TEXT NOT NULL,
    user TEXT NOT NULL,
    loader TEXT NOT NULL,
    planned_at TEXT NOT NULL,
    sent_at TEXT,
    last_sent_at TEXT,
    changed_at TEXT NOT NULL,
    record TEXT,
    name TEXT,
    faults TEXT NOT NULL DEFAULT '[]',
    note TEXT NOT NULL DEFAULT '',
    sendings INTEGER NOT NULL DEFAULT 0,
    totals TEXT NOT NULL DEFAULT '[]',
    posting_date TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    undoes INTEGER,
    input TEXT NOT NULL,
    identities TEXT NOT NULL DEFAULT '[]',
    UNIQUE (company, entity, operation, object, identity, generation)
);
-- What was sent, apart from what moves: a row that changes is written anew as a whole.
CREATE TABLE content (
    entry INTEGER PRIMARY KEY REFERENCES entry (number),
    body TEXT NOT NULL,
    request_digest TEXT NOT NULL
);
CREATE INDEX entry_by_status ON entry (company, status);
CREATE INDEX entry_by_record ON entry (company, object, record);
CREATE INDEX entry_by_undone ON entry (undoes);
CREATE INDEX entry_by_input ON entry (input);

-- Everything that new records are known by, each with the last entry that was sent under it. Only an entry that is live
-- (sent, in doubt or applied) keeps an identity from others. Records with equal numbers or contents have a place each.
CREATE TABLE identity (
    company TEXT NOT NULL,
    entity TEXT NOT NULL,
    object TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    place INTEGER NOT NULL,
    detail TEXT NOT NULL,
    entry INTEGER NOT NULL REFERENCES entry (number),
    PRIMARY KEY (company, entity, object, text, kind, place)
) WITHOUT ROWID;
CREATE INDEX identity_by_entry ON identity (entry);

-- Every status an entry was in, kept by the database itself so that no path through the code can forget it.
CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entry (number),
    at TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    control_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    loader TEXT NOT NULL,
    user TEXT NOT NULL,
    record TEXT,
    faults TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX event_by_entry ON event (entry);
CREATE TRIGGER entry_begins AFTER INSERT ON entry BEGIN
    INSERT INTO event (entry, at, status, attempt, control_id, digest, loader, user, record, faults, note)
    VALUES (NEW.number, NEW.changed_at, NEW.status, NEW.attempt, NEW.control_id, NEW.digest, NEW.loader, NEW.user,
        NEW.record, NEW.faults, NEW.note);
END;
CREATE TRIGGER entry_moves AFTER UPDATE ON entry WHEN NEW.status <> OLD.status OR NEW.digest <> OLD.digest BEGIN
    INSERT INTO event (entry, at, status, attempt, control_id, digest, loader, user, record, faults, note)
    VALUES (NEW.number, NEW.changed_at, NEW.status, NEW.attempt, NEW.control_id,
        NEW.digest, NEW.loader, NEW.user, NEW.record, NEW.faults, NEW.note);
END;

-- What a person decided about an entry, and why.
CREATE TABLE decision (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entry (number),
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    decision TEXT NOT NULL,
    record TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL
);
CREATE INDEX decision_by_entry ON decision (entry);

-- The control id of the harmless read that a loader made before it sent anything.
CREATE TABLE repeat_guard (loader TEXT PRIMARY KEY, control_id TEXT NOT NULL);

-- Which outbox this is, wherever its file lies.
CREATE TABLE outbox_id (id TEXT NOT NULL);
INSERT INTO outbox_id VALUES (lower(hex(randomblob(16))));
-- Plans that were saved, each with the last event at that time; and what people approved. Those that the outbox holds
-- itself are listed by page; the others are files. A plan is done once nothing of it is left to apply.
CREATE TABLE saved_plan (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    last_event INTEGER NOT NULL,
    company TEXT NOT NULL,
    entity TEXT NOT NULL,
    environment TEXT NOT NULL,
    user_id TEXT NOT NULL,
    held INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX saved_plan_by_page ON saved_plan (held, done, at, id);
-- The JSON of a plan, compressed, in pieces of one order.
CREATE TABLE plan_piece (
    plan TEXT NOT NULL REFERENCES saved_plan (id),
    place INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (plan, place)
);
CREATE TABLE approval (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    plan TEXT NOT NULL REFERENCES saved_plan (id),
    digest TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX approval_by_plan ON approval (plan);

-- Equal records of streams without key properties: the highest number assigned, and the last that the source was told
-- of.
CREATE TABLE equal_record (
    company TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    digest TEXT NOT NULL,
    assigned INTEGER NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (company, source, stream, digest)
) WITHOUT ROWID;
-- The last position that the source was told for a stream, as a digest, and the version of its table.
CREATE TABLE stream_position (
    company TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    position TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (company, source, stream)
) WITHOUT ROWID;

-- The values that an update replaced, as far as its plan has seen them: what takes it back.
CREATE TABLE replaced_values (
    entry INTEGER PRIMARY KEY REFERENCES entry (number),
    fields TEXT NOT NULL
);

-- The entries that were last sent in one transaction: they are applied together or not at all.
CREATE TABLE sent_together (
    entry INTEGER PRIMARY KEY REFERENCES entry (number),
    batch TEXT NOT NULL
);
CREATE INDEX sent_together_by_batch ON sent_together (batch);
