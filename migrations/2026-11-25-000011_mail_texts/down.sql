-- The texts that come with Landlord go out again.
DROP TABLE mail_texts;
