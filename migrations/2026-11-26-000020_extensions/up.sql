-- Extensions: the telephone numbers that tenants have, and which of their users has which.
--
-- A number is kept as a whole number: a 1, or a 2 where it has a plus in front, and its digits behind that. So leading zeros
-- count, numbers of as many digits follow each other, and those of another form are elsewhere: `Number` in
-- src/domain/extension.rs.

-- Whether that is a range of numbers of one form.
CREATE FUNCTION is_extension(first bigint, last bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN first <= last AND char_length(first::text) BETWEEN 2 AND 19 AND char_length(last::text) = char_length(first::text)
        AND left(first::text, 1) IN ('1', '2') AND left(last::text, 1) = left(first::text, 1);
GRANT EXECUTE ON FUNCTION is_extension TO landlord_app;

-- The ranges of numbers that a tenant has. No other one has any of them: the constraint looks across tenants, whom row-level
-- security keeps from seeing each other's.
CREATE TABLE tenant_extensions (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    first     bigint NOT NULL,
    last      bigint NOT NULL,
    PRIMARY KEY (tenant_id, first, last),
    CHECK (is_extension(first, last)),
    CHECK (tenant_id <> '11111111-1111-1111-1111-111111111111'),
    CONSTRAINT tenant_extensions_exclusive EXCLUDE USING gist (int8range(first, last, '[]') WITH &&)
);
CALL protect_tenant_table('tenant_extensions');
-- An operator who gives numbers to a tenant is told which of them are not free.
CREATE POLICY platform ON tenant_extensions FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, DELETE ON tenant_extensions TO landlord_app;
GRANT SELECT ON tenant_extensions TO landlord_platform;

-- The numbers that users have, each within one range of the tenant's. They are free when the user is gone from the tenant.
CREATE TABLE user_extensions (
    tenant_id   uuid NOT NULL REFERENCES tenants,
    first       bigint NOT NULL,
    last        bigint NOT NULL,
    user_id     uuid NOT NULL,
    range_first bigint NOT NULL,
    range_last  bigint NOT NULL,
    PRIMARY KEY (tenant_id, first),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE,
    -- At the end of the transaction, in which ranges may have been put together or cut.
    FOREIGN KEY (tenant_id, range_first, range_last) REFERENCES tenant_extensions DEFERRABLE INITIALLY DEFERRED,
    CHECK (is_extension(first, last)),
    CHECK (range_first <= first AND last <= range_last),
    CONSTRAINT user_extensions_exclusive EXCLUDE USING gist (int8range(first, last, '[]') WITH &&)
);
CREATE INDEX user_extensions_by_user ON user_extensions (tenant_id, user_id);
CREATE INDEX user_extensions_by_range ON user_extensions (tenant_id, range_first, range_last);
CALL protect_tenant_table('user_extensions');
GRANT SELECT, INSERT, DELETE, UPDATE (range_first, range_last) ON user_extensions TO landlord_app;

-- What of a tenant's numbers each user has, and what nobody has: in each range of the tenant's, a mark at its beginning and one
-- for each user's numbers, and what is free between where a mark ends and the next one begins.
CREATE VIEW extension_stretches WITH (security_invoker = true) AS
    SELECT tenant_id, first, last, user_id FROM user_extensions
    UNION ALL
    SELECT tenant_id, free_from, next - 1, NULL
    FROM (
        SELECT tenant_id, free_from,
               lead(begins, 1, range_last + 1) OVER (PARTITION BY tenant_id, range_first ORDER BY begins, free_from) AS next
        FROM (
            SELECT tenant_id, first AS range_first, last AS range_last, first AS begins, first AS free_from
            FROM tenant_extensions
            UNION ALL
            SELECT tenant_id, range_first, range_last, first, last + 1 FROM user_extensions) marks) gaps
    WHERE free_from < next;
GRANT SELECT ON extension_stretches TO landlord_app;
