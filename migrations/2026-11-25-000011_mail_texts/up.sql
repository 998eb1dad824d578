-- The operators' own texts of mails, in the place of those that come with Landlord.

CREATE TABLE mail_texts (
    -- Which mail, such as `activation`.
    mail     text CHECK (mail ~ '^[a-z][a-z-]{0,38}$'),
    -- BCP 47.
    language text CHECK (char_length(language) BETWEEN 2 AND 35),
    subject  text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 200),
    body     text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 20000),
    -- Absent: the mail is plain text alone.
    html     text CHECK (char_length(html) BETWEEN 1 AND 100000),
    PRIMARY KEY (mail, language)
);
GRANT SELECT, INSERT, DELETE ON mail_texts TO landlord_app;
