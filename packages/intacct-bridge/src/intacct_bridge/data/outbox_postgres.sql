CREATE FUNCTION keep_event() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO event (entry, at, status, attempt, control_id, digest, loader, "user", record, faults, note)
    VALUES (NEW.number, NEW.changed_at, NEW.status, NEW.attempt, NEW.control_id, NEW.digest, NEW.loader, NEW."user",
        NEW.record, NEW.faults, NEW.note);
    RETURN NULL;
END $$;
CREATE TRIGGER entry_begins AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION keep_event();
CREATE TRIGGER entry_moves AFTER UPDATE ON entry FOR EACH ROW
    WHEN (NEW.status <> OLD.status OR NEW.digest <> OLD.digest) EXECUTE FUNCTION keep_event();
