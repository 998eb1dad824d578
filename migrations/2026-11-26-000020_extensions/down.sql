-- Nobody has numbers any more.
DROP VIEW extension_stretches;
DROP TABLE user_extensions;
DROP TABLE tenant_extensions;
DROP FUNCTION is_extension;
