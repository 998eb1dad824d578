-- Nobody is counted any more.
DROP FUNCTION log_ins_since;
DROP TRIGGER counted ON sessions;
DROP FUNCTION log_in_counted;
DROP TABLE log_ins;
