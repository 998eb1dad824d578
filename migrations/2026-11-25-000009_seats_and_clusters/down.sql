DROP FUNCTION was_there;
ALTER TABLE event_clears DROP COLUMN cluster;
ALTER TABLE event_marks DROP COLUMN cluster;
ALTER TABLE events DROP COLUMN cluster;
REVOKE EXECUTE ON FUNCTION cluster_identity FROM landlord_app;
DROP TRIGGER followed ON system_licenses;
DROP FUNCTION seats_followed;
