-- Where a user's sessions start, in which language mail is written, and which version of the user people have read.

ALTER TABLE users
    -- Absent: at home. It may name a tenant that is gone, or in which the user works no more; log-in says so.
    ADD COLUMN default_tenant_id uuid REFERENCES tenant_identities (uid),
    -- BCP 47; empty: the tenant's.
    ADD COLUMN language text NOT NULL DEFAULT '' CHECK (language ~ '^([a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?)?$'),
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
