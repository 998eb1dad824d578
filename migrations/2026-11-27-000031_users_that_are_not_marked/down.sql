DROP TRIGGER added_marked ON users;
DROP TRIGGER marked ON users;
CREATE TRIGGER marked BEFORE INSERT OR UPDATE OF impersonation_target ON users
    FOR EACH ROW EXECUTE FUNCTION target_marked();
