BEGIN TRANSACTION;
CREATE TABLE approval (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    plan TEXT NOT NULL REFERENCES kept_plan (id),
    digest TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
INSERT INTO "approval" VALUES(1,'plan-0123456789ab','digest','Ben','2026-11-20T12:00:00.000000+00:00','2026-11-21T12:00:00.000000+00:00');
CREATE TABLE content (
    entry INTEGER PRIMARY KEY REFERENCES entry (number),
    body TEXT NOT NULL,
    request_digest TEXT NOT NULL
);
INSERT INTO "content" VALUES(1,'<create>key:["s:S-1"]</create>','37f9a211d36a524fac9e6acdb3da5f6ac4f41b4fe348b216be22fbbf9540f0f7');
INSERT INTO "content" VALUES(2,'<create>key:["s:S-2"]</create>','7ae3f4e6a6807a0272c95affb40ee835482fb870873d7eb2609907a0f6fbb5d6');
INSERT INTO "content" VALUES(3,'<create>key:["s:É-3"]</create>','a5d4e692bf85bf74317c2ea9166fd67ff1e59af6f21ecddb511882b4b148685d');
INSERT INTO "content" VALUES(4,'<create>key:["s:S-4"]</create>','1c04368abcfbaf5505f4c2ef183ac48a975a539e3c38681a606e7ba363d20867');
INSERT INTO "content" VALUES(5,'<create>CLASSID=S-1</create>','df3fbb584da3ed9eb9e9525e6594017e364c34305df51c344dc40b8365b2c28b');
CREATE TABLE decision (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entry (number),
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    decision TEXT NOT NULL,
    record TEXT NOT NULL DEFAULT '',
    because TEXT NOT NULL
);
INSERT INTO "decision" VALUES(1,3,'2026-11-20T12:00:00.000000+00:00','Ada','posted as','9','seen in Intacct');
CREATE TABLE earlier_values (
    entry INTEGER PRIMARY KEY REFERENCES entry (number),
    fields TEXT NOT NULL
);
INSERT INTO "earlier_values" VALUES(5,'{"NAME":"old","TOTAL":{"decimal":"1.50"}}');
CREATE TABLE entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    company TEXT NOT NULL,
    entity TEXT NOT NULL,
    operation TEXT NOT NULL,
    object TEXT NOT NULL,
    identity TEXT NOT NULL,
    generation INTEGER NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    control_id TEXT NOT NULL,
    trace TEXT NOT NULL,
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
    UNIQUE (company, entity, operation, object, identity, generation)
);
INSERT INTO "entry" VALUES(1,'demo-company','','create','CLASS','key:["s:S-1"]',0,'d-key:["s:S-1"]','applied',1,'ib1-03137c7d1c7431418839b85405b0316e33f444099e15a14bcfe56f249a476b65','{"CLASSID":"key:[\"s:S-1\"]"}','CLASS key:["s:S-1"]','c.csv:]','{}','me','run-1','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','7','S-1','[]','',1,'[{"currency":"USD","debit":"12.50","credit":"0","amount":"0"}]','2026-11-20','https://example.com/7',NULL);
INSERT INTO "entry" VALUES(2,'demo-company','','create','CLASS','key:["s:S-2"]',0,'d-key:["s:S-2"]','rejected',1,'ib1-cada8cea8cfba9e66caba5ad32474f4e9f7453845ba29a0163fb9ff18f52c59c','{"CLASSID":"key:[\"s:S-2\"]"}','CLASS key:["s:S-2"]','c.csv:]','{}','me','run-1','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00',NULL,NULL,'[{"errorno":"BL01","description":"no","description2":"","correction":"","support_id":"","errorid":"","field":""}]','',1,'[]','','',NULL);
INSERT INTO "entry" VALUES(3,'demo-company','','create','CLASS','key:["s:É-3"]',0,'d-key:["s:É-3"]','applied',1,'ib1-fd2efb88ccf79e0fd4ed61262a6ad1fe31e08a7910516e2100578cfffe122f98','{"CLASSID":"key:[\"s:É-3\"]"}','CLASS key:["s:É-3"]','c.csv:]','{}','me','run-1','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','9',NULL,'[]','posted as 9, says Ada: seen in Intacct',1,'[]','','',NULL);
INSERT INTO "entry" VALUES(4,'demo-company','','create','CLASS','key:["s:S-4"]',0,'d-key:["s:S-4"]','sent',1,'ib1-1bc1f74953d9c91cc91e736f0efa90795d263effb51db7de257967c76e72739e','{"CLASSID":"key:[\"s:S-4\"]"}','CLASS key:["s:S-4"]','c.csv:]','{}','me','run-1','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00','2026-11-20T12:00:00.000000+00:00',NULL,NULL,'[]','',1,'[]','','',NULL);
INSERT INTO "entry" VALUES(5,'demo-company','','update','CLASS','CLASSID=S-1',0,'d-CLASSID=S-1','planned',1,'ib1-884707ffdc852ab0c4e55852fba8f2f8ba1b9baa335d60208c70495b17b000a7','{"CLASSID":"CLASSID=S-1"}','CLASS CLASSID=S-1','c.csv:1','{}','me','run-1','2026-11-20T12:00:00.000000+00:00',NULL,NULL,'2026-11-20T12:00:00.000000+00:00',NULL,NULL,'[]','',0,'[]','','',NULL);
CREATE TABLE equal_record (
    company TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    digest TEXT NOT NULL,
    given INTEGER NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (company, source, stream, digest)
) WITHOUT ROWID;
INSERT INTO "equal_record" VALUES('demo-company','crm','pay','d0',3,2);
CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entry (number),
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    control_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    loader TEXT NOT NULL,
    user TEXT NOT NULL,
    record TEXT,
    faults TEXT NOT NULL,
    note TEXT NOT NULL
);
INSERT INTO "event" VALUES(1,1,'2026-11-20T12:00:00.000000+00:00','planned',1,'ib1-03137c7d1c7431418839b85405b0316e33f444099e15a14bcfe56f249a476b65','d-key:["s:S-1"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(2,2,'2026-11-20T12:00:00.000000+00:00','planned',1,'ib1-cada8cea8cfba9e66caba5ad32474f4e9f7453845ba29a0163fb9ff18f52c59c','d-key:["s:S-2"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(3,3,'2026-11-20T12:00:00.000000+00:00','planned',1,'ib1-fd2efb88ccf79e0fd4ed61262a6ad1fe31e08a7910516e2100578cfffe122f98','d-key:["s:É-3"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(4,4,'2026-11-20T12:00:00.000000+00:00','planned',1,'ib1-1bc1f74953d9c91cc91e736f0efa90795d263effb51db7de257967c76e72739e','d-key:["s:S-4"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(5,5,'2026-11-20T12:00:00.000000+00:00','planned',1,'ib1-884707ffdc852ab0c4e55852fba8f2f8ba1b9baa335d60208c70495b17b000a7','d-CLASSID=S-1','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(6,1,'2026-11-20T12:00:00.000000+00:00','sent',1,'ib1-03137c7d1c7431418839b85405b0316e33f444099e15a14bcfe56f249a476b65','d-key:["s:S-1"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(7,2,'2026-11-20T12:00:00.000000+00:00','sent',1,'ib1-cada8cea8cfba9e66caba5ad32474f4e9f7453845ba29a0163fb9ff18f52c59c','d-key:["s:S-2"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(8,3,'2026-11-20T12:00:00.000000+00:00','sent',1,'ib1-fd2efb88ccf79e0fd4ed61262a6ad1fe31e08a7910516e2100578cfffe122f98','d-key:["s:É-3"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(9,4,'2026-11-20T12:00:00.000000+00:00','sent',1,'ib1-1bc1f74953d9c91cc91e736f0efa90795d263effb51db7de257967c76e72739e','d-key:["s:S-4"]','run-1','me',NULL,'[]','');
INSERT INTO "event" VALUES(10,1,'2026-11-20T12:00:00.000000+00:00','applied',1,'ib1-03137c7d1c7431418839b85405b0316e33f444099e15a14bcfe56f249a476b65','d-key:["s:S-1"]','run-1','me','7','[]','');
INSERT INTO "event" VALUES(11,2,'2026-11-20T12:00:00.000000+00:00','rejected',1,'ib1-cada8cea8cfba9e66caba5ad32474f4e9f7453845ba29a0163fb9ff18f52c59c','d-key:["s:S-2"]','run-1','me',NULL,'[{"errorno":"BL01","description":"no","description2":"","correction":"","support_id":"","errorid":"","field":""}]','');
INSERT INTO "event" VALUES(12,3,'2026-11-20T12:00:00.000000+00:00','in_doubt',1,'ib1-fd2efb88ccf79e0fd4ed61262a6ad1fe31e08a7910516e2100578cfffe122f98','d-key:["s:É-3"]','run-1','me',NULL,'[]','no answer');
INSERT INTO "event" VALUES(13,3,'2026-11-20T12:00:00.000000+00:00','applied',1,'ib1-fd2efb88ccf79e0fd4ed61262a6ad1fe31e08a7910516e2100578cfffe122f98','d-key:["s:É-3"]','run-1','me','9','[]','posted as 9, says Ada: seen in Intacct');
CREATE TABLE kept_plan (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    last_event INTEGER NOT NULL
);
INSERT INTO "kept_plan" VALUES('plan-0123456789ab','digest','Ada','2026-11-20T12:00:00.000000+00:00',13);
CREATE TABLE outbox_id (id TEXT NOT NULL);
INSERT INTO "outbox_id" VALUES('dac2fcdb1960f1c6628490b69811f38c');
CREATE TABLE sent_together (
    entry INTEGER PRIMARY KEY REFERENCES entry (number),
    batch TEXT NOT NULL
);
INSERT INTO "sent_together" VALUES(1,'c738920547134ff3b19f5aa49e6cb59f');
INSERT INTO "sent_together" VALUES(2,'c738920547134ff3b19f5aa49e6cb59f');
INSERT INTO "sent_together" VALUES(3,'c738920547134ff3b19f5aa49e6cb59f');
INSERT INTO "sent_together" VALUES(4,'c738920547134ff3b19f5aa49e6cb59f');
CREATE TABLE stream_position (
    company TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    position TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (company, source, stream)
) WITHOUT ROWID;
INSERT INTO "stream_position" VALUES('demo-company','crm','pay','p','1');
CREATE TABLE witness (loader TEXT PRIMARY KEY, control_id TEXT NOT NULL);
INSERT INTO "witness" VALUES('run-1','ib1-witness-run-1');
CREATE INDEX entry_by_state ON entry (company, state);
CREATE INDEX entry_by_record ON entry (company, object, record);
CREATE INDEX entry_by_undone ON entry (undoes);
CREATE INDEX event_by_entry ON event (entry);
CREATE TRIGGER entry_begins AFTER INSERT ON entry BEGIN
    INSERT INTO event (entry, at, state, attempt, control_id, digest, loader, user, record, faults, note)
    VALUES (NEW.number, NEW.changed_at, NEW.state, NEW.attempt, NEW.control_id, NEW.digest, NEW.loader, NEW.user,
        NEW.record, NEW.faults, NEW.note);
END;
CREATE TRIGGER entry_moves AFTER UPDATE ON entry WHEN NEW.state <> OLD.state OR NEW.digest <> OLD.digest BEGIN
    INSERT INTO event (entry, at, state, attempt, control_id, digest, loader, user, record, faults, note)
    VALUES (NEW.number, NEW.changed_at, NEW.state, NEW.attempt, NEW.control_id,
        NEW.digest, NEW.loader, NEW.user, NEW.record, NEW.faults, NEW.note);
END;
CREATE INDEX decision_by_entry ON decision (entry);
CREATE INDEX approval_by_plan ON approval (plan);
CREATE INDEX sent_together_by_batch ON sent_together (batch);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('event',13);
INSERT INTO "sqlite_sequence" VALUES('entry',5);
INSERT INTO "sqlite_sequence" VALUES('decision',1);
INSERT INTO "sqlite_sequence" VALUES('approval',1);
COMMIT;
