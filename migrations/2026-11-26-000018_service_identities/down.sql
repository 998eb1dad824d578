DROP FUNCTION enter_as_service;
ALTER TABLE operations DROP COLUMN actor_name;
DROP TABLE service_keys;
DROP TABLE service_identities;
