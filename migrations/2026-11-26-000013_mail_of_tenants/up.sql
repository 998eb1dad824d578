-- Whether a tenant's new users are written to, and in which words.

ALTER TABLE tenants ADD COLUMN email_notification boolean NOT NULL DEFAULT true;
GRANT INSERT (email_notification), UPDATE (email_notification) ON tenants TO landlord_app;

CREATE OR REPLACE FUNCTION tenant_touch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.tenant_id = '11111111-1111-1111-1111-111111111111' AND NEW.seq = OLD.seq AND OLD.seq > 0
        AND (NEW.company_name, NEW.protected, NEW.server, NEW.time_zone, NEW.email_notification)
            IS DISTINCT FROM (OLD.company_name, OLD.protected, OLD.server, OLD.time_zone, OLD.email_notification) THEN
        RAISE EXCEPTION 'landlord:TENANT_READ_ONLY';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

-- A tenant's own texts, in the place of the operators' and of those that come with Landlord.
CREATE TABLE tenant_mail_texts (
    tenant_id uuid REFERENCES tenants ON DELETE CASCADE,
    -- Which mail, such as `activation`.
    mail      text CHECK (mail ~ '^[a-z][a-z-]{0,38}$'),
    -- BCP 47.
    language  text CHECK (char_length(language) BETWEEN 2 AND 35),
    subject   text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 200),
    body      text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 20000),
    -- Absent: the mail is plain text alone.
    html      text CHECK (char_length(html) BETWEEN 1 AND 100000),
    PRIMARY KEY (tenant_id, mail, language)
);
CALL protect_tenant_table('tenant_mail_texts');
GRANT SELECT, INSERT, DELETE ON tenant_mail_texts TO landlord_app;
