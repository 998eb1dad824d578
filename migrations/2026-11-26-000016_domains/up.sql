-- The domains of tenants, by which their users log in, and how tenants look to people before they do.

ALTER TABLE tenants
    -- In lower case, as ASCII, without a dot at the end.
    ADD COLUMN domain text UNIQUE CHECK (char_length(domain) <= 253 AND domain ~ '^([a-z0-9-]+\.)+[a-z0-9-]+$'),
    ADD COLUMN product_name text NOT NULL DEFAULT '' CHECK (char_length(product_name) <= 100),
    ADD COLUMN logo_url text NOT NULL DEFAULT '' CHECK (logo_url = '' OR logo_url LIKE 'https://%' AND char_length(logo_url) <= 2000),
    ADD COLUMN primary_color text NOT NULL DEFAULT '' CHECK (primary_color ~ '^(#[0-9a-f]{6})?$'),
    ADD COLUMN accent_color text NOT NULL DEFAULT '' CHECK (accent_color ~ '^(#[0-9a-f]{6})?$'),
    ADD UNIQUE (tenant_id, domain),
    ADD CONSTRAINT tenants_infrastructure_check CHECK (tenant_id <> '11111111-1111-1111-1111-111111111111'
        OR (domain IS NULL AND (product_name, logo_url, primary_color, accent_color) = ('', '', '', '')));
GRANT INSERT (product_name, logo_url, primary_color, accent_color),
      UPDATE (domain, product_name, logo_url, primary_color, accent_color) ON tenants TO landlord_app;

CREATE OR REPLACE FUNCTION tenant_touch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.tenant_id = '11111111-1111-1111-1111-111111111111' AND NEW.seq = OLD.seq AND OLD.seq > 0
        AND (NEW.company_name, NEW.protected, NEW.server, NEW.time_zone, NEW.email_notification,
             NEW.domain, NEW.product_name, NEW.logo_url, NEW.primary_color, NEW.accent_color)
            IS DISTINCT FROM (OLD.company_name, OLD.protected, OLD.server, OLD.time_zone, OLD.email_notification,
             OLD.domain, OLD.product_name, OLD.logo_url, OLD.primary_color, OLD.accent_color) THEN
        RAISE EXCEPTION 'landlord:TENANT_READ_ONLY';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

-- What is known of a tenant's domain. What is found out changes often and is no part of the tenant's version. With the domain
-- the row goes, and with it the challenge: whoever has the domain next proves it anew.
CREATE TABLE tenant_domains (
    tenant_id     uuid PRIMARY KEY,
    domain        text NOT NULL,
    -- The value of the TXT record by which whoever has the domain shows that it is the tenant's.
    challenge     text NOT NULL CHECK (challenge <> ''),
    -- Whether the record was there, and a certificate that holds for the domain, when that could be told last.
    verified      boolean NOT NULL DEFAULT false,
    secure        boolean NOT NULL DEFAULT false,
    -- What the last check misses, for people. Empty: nothing.
    problem       text NOT NULL DEFAULT '',
    -- Checks in a row that told nothing, since the first of them.
    silent_checks integer NOT NULL DEFAULT 0 CHECK (silent_checks >= 0),
    silent_since  timestamptz CHECK ((silent_since IS NULL) = (silent_checks = 0)),
    checked_at    timestamptz,
    -- When it is checked next; who is about to do that puts it off.
    check_after   timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (tenant_id, domain) REFERENCES tenants (tenant_id, domain) ON DELETE CASCADE
);
CREATE INDEX tenant_domains_due ON tenant_domains (check_after);
CALL protect_tenant_table('tenant_domains');
CREATE POLICY platform ON tenant_domains FOR SELECT TO landlord_platform USING (true);
CREATE POLICY platform_claims ON tenant_domains FOR UPDATE TO landlord_platform USING (true);
GRANT SELECT, INSERT (tenant_id, domain, challenge), DELETE,
      UPDATE (verified, secure, problem, silent_checks, silent_since, checked_at, check_after)
      ON tenant_domains TO landlord_app;
GRANT SELECT, UPDATE (check_after) ON tenant_domains TO landlord_platform;
