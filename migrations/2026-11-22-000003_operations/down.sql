DROP FUNCTION add_directory_record, directory_records;
DROP FUNCTION remove_batch;
DROP FUNCTION enter_transaction;
DROP TABLE audit_records, requests, participant_ledger, operation_steps, operations;
DROP FUNCTION operation_guard();
