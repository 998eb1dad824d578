//! Which columns a restore brings back, table by table, and what does not come.

/// How the rows of a table become those of a backup.
pub(super) struct Rule {
    pub table: &'static str,
    /// What a row is known by, beside the tenant.
    pub key: &'static [&'static str],
    /// What rows that come bring along, and rows that are there keep. All other columns they take from the backup.
    pub born_with: &'static [&'static str],
    /// What no row takes from the backup.
    pub own: &'static [&'static str],
    /// What else changes in rows that are there.
    pub touch: &'static str,
    /// A name that is unique in the tenant, and may have changed hands since.
    pub unique: Option<&'static str>,
    /// Values in the place of those of the backup.
    pub instead: &'static [(&'static str, &'static str)],
    /// What rows that come have besides.
    pub with: &'static [(&'static str, &'static str)],
    /// Which rows of the backup come, as a condition on `s`.
    pub comes: &'static str,
    /// Whether all rows go first, for those of the backup to come without any in their way.
    pub anew: bool,
    /// Which rows that are there nobody changes by a restore in place, as a condition on `t`.
    pub fixed: &'static str,
    /// How people are told of them.
    pub shown: Option<Shown>,
}

/// How people are told of rows.
pub(super) struct Shown {
    /// What they are.
    pub subject: &'static str,
    /// What one is called, as an expression.
    pub name: fn(&str) -> String,
}

const PLAIN: Rule = Rule {
    table: "",
    key: &[],
    born_with: &[],
    own: &[],
    touch: "",
    unique: None,
    instead: &[],
    with: &[],
    comes: "true",
    anew: false,
    fixed: "false",
    shown: None,
};

/// Whoever is no member is none because of a restore: its own users that came back are members by then.
const OF_A_MEMBER: &str =
    "EXISTS (SELECT FROM memberships m WHERE m.tenant_id = current_tenant() AND m.user_id = s.user_id)";

/// In an order in which rows can be added.
pub(super) const RULES: &[Rule] = &[
    Rule {
        table: "users",
        key: &["id"],
        born_with: &["created_at", "epoch", "version"],
        // Whom operators may act for the tenant says anew: nobody else comes to by a restore.
        own: &["updated_at", "epoch_at", "lacks", "impersonation_target"],
        unique: Some("user_name_key"),
        instead: &[("epoch", "s.epoch + 1")],
        with: &[("epoch_at", "clock_timestamp()")],
        fixed: "t.user_name_key = 'superuser'",
        comes: "NOT EXISTS (SELECT FROM deleted_users d WHERE d.tenant_id = current_tenant() AND d.user_id = s.id)",
        shown: Some(Shown { subject: "users", name: |of| format!("{of}.user_name") }),
        ..PLAIN
    },
    // A guest who left does not come back: that is for whoever assigns users. One who came since goes.
    Rule {
        table: "memberships",
        key: &["user_id"],
        born_with: &["home_tenant_id", "created_at"],
        comes: "s.home_tenant_id = current_tenant()
            AND EXISTS (SELECT FROM users u WHERE u.tenant_id = current_tenant() AND u.id = s.user_id)",
        ..PLAIN
    },
    Rule {
        table: "groups",
        key: &["id"],
        born_with: &["created_at", "version"],
        own: &["updated_at"],
        unique: Some("own_name"),
        instead: &[(
            "tenant_name",
            "CASE WHEN s.tenant_name IS NOT NULL
                THEN (SELECT display_name FROM tenants WHERE tenant_id = current_tenant()) END",
        )],
        shown: Some(Shown { subject: "groups", name: |of| format!("coalesce({of}.tenant_name, {of}.own_name)") }),
        ..PLAIN
    },
    Rule { table: "group_members", key: &["group_id", "user_id"], comes: OF_A_MEMBER, ..PLAIN },
    Rule { table: "privileges", key: &["id"], born_with: &["created_at"], ..PLAIN },
    Rule {
        table: "roles",
        key: &["id"],
        born_with: &["created_at", "version"],
        own: &["updated_at"],
        unique: Some("name"),
        shown: Some(Shown { subject: "roles", name: |of| format!("{of}.name") }),
        ..PLAIN
    },
    Rule {
        table: "role_privileges",
        key: &["role_id", "privilege"],
        comes: "strpos(s.privilege, '.') > 0 OR s.privilege IN (SELECT name FROM function_privileges)",
        ..PLAIN
    },
    Rule { table: "user_roles", key: &["user_id", "role_id"], comes: OF_A_MEMBER, ..PLAIN },
    Rule { table: "group_roles", key: &["group_id", "role_id"], ..PLAIN },
    // Whom a provider no longer speaks for it speaks for no more.
    Rule {
        table: "user_identities",
        key: &["id"],
        anew: true,
        comes: "EXISTS (SELECT FROM users u WHERE u.tenant_id = current_tenant() AND u.id = s.user_id)
            AND EXISTS (SELECT FROM identity_providers p
                        WHERE p.id = s.provider AND p.created_at <= s.created_at
                            AND coalesce(p.for_tenant = current_tenant(), true))",
        ..PLAIN
    },
    // Numbers that the tenant no longer has are not its users'.
    Rule {
        table: "user_extensions",
        key: &["first"],
        anew: true,
        instead: &[
            (
                "range_first",
                "(SELECT r.first FROM tenant_extensions r WHERE r.tenant_id = current_tenant() AND r.first <= s.first AND s.last <= r.last)",
            ),
            (
                "range_last",
                "(SELECT r.last FROM tenant_extensions r WHERE r.tenant_id = current_tenant() AND r.first <= s.first AND s.last <= r.last)",
            ),
        ],
        comes: "EXISTS (SELECT FROM memberships m WHERE m.tenant_id = current_tenant() AND m.user_id = s.user_id)
            AND EXISTS (SELECT FROM tenant_extensions r
                        WHERE r.tenant_id = current_tenant() AND r.first <= s.first AND s.last <= r.last)",
        ..PLAIN
    },
    Rule {
        table: "assets",
        key: &["id"],
        born_with: &[
            "kind",
            "blob_id",
            "bytes",
            "created_by",
            "created_at",
            "call_start",
            "call_ms",
            "caller",
            "called",
            "extension",
            "version",
        ],
        own: &["blob_state", "updated_at", "born"],
        touch: ", version = t.version + 1, updated_at = clock_timestamp()",
        instead: &[(
            "user_id",
            "(SELECT m.user_id FROM memberships m WHERE m.tenant_id = current_tenant() AND m.user_id = s.user_id)",
        )],
        shown: Some(Shown { subject: "assets", name: |of| format!("{of}.display_name") }),
        ..PLAIN
    },
];

/// Of the tenant itself. What operators say of it, where it is placed, and which features it has, is not its own.
pub(super) const PROFILE: &[&str] = &[
    "display_name",
    "company_name",
    "time_zone",
    "email_notification",
    "product_name",
    "logo_url",
    "primary_color",
    "accent_color",
];

pub(super) const REMOVE_WHAT_GOES_WITH_USERS: &str = "
    WITH going AS (SELECT id FROM users u WHERE u.tenant_id = current_tenant()
                   AND NOT EXISTS (SELECT FROM staged_users s WHERE s.id = u.id)),
         links AS (DELETE FROM links WHERE tenant_id = current_tenant() AND user_id IN (SELECT id FROM going))
    DELETE FROM sessions WHERE tenant_id = current_tenant() AND user_id IN (SELECT id FROM going)";

/// Guests make room for users of the tenant's own with the same ids: no two are one.
pub(super) const REMOVE_TWINS: &str = "
    DELETE FROM memberships t USING staged_memberships s
    WHERE t.tenant_id = current_tenant() AND s.user_id = t.user_id AND s.home_tenant_id <> t.home_tenant_id";

/// No token of before leads into what is restored. Users who come bring a later epoch along.
pub(super) const RAISE_EPOCHS: &str = "UPDATE users SET epoch = epoch + 1 WHERE tenant_id = current_tenant()";

/// No session and no link of before leads into what is restored; who is back was not deleted.
pub(super) const END_WHAT_USERS_BEGAN: [&str; 3] = [
    "UPDATE sessions SET ended_at = clock_timestamp() WHERE tenant_id = current_tenant() AND ended_at IS NULL",
    "DELETE FROM links WHERE tenant_id = current_tenant() AND used_at IS NULL",
    "DELETE FROM deleted_users d USING users u
     WHERE d.tenant_id = current_tenant() AND u.tenant_id = current_tenant() AND u.id = d.user_id",
];

/// Who had a seat has one again, as long as there are some: how many there are is for operators to say.
pub(super) const SEATS: [&str; 2] = [
    "DELETE FROM user_licenses t WHERE t.tenant_id = current_tenant()
     AND NOT EXISTS (SELECT FROM staged_user_licenses s WHERE s.user_id = t.user_id AND s.kind = t.kind)",
    "INSERT INTO user_licenses (tenant_id, user_id, kind)
     SELECT l.tenant_id, w.user_id, w.kind
     FROM (SELECT s.user_id, s.kind, row_number() OVER (PARTITION BY s.kind ORDER BY s.user_id) AS seat
           FROM staged_user_licenses s
           WHERE EXISTS (SELECT FROM memberships m WHERE m.tenant_id = current_tenant() AND m.user_id = s.user_id)
               AND NOT EXISTS (SELECT FROM user_licenses t
                               WHERE t.tenant_id = current_tenant() AND t.user_id = s.user_id AND t.kind = s.kind)) w
     JOIN tenant_licenses l ON l.tenant_id = current_tenant() AND l.kind = w.kind
     WHERE w.seat <= l.quantity - l.used",
];

/// Guests who came since then, and those who left.
pub(super) const GUESTS: [(&str, &str); 2] = [
    (
        "(SELECT d.user_name FROM directory_users d WHERE d.id = t.user_id)",
        "memberships t WHERE t.tenant_id = current_tenant() AND t.home_tenant_id <> current_tenant()
            AND NOT EXISTS (SELECT FROM staged_memberships s WHERE s.user_id = t.user_id)",
    ),
    (
        "'tenants/' || s.home_tenant_id || '/users/' || s.user_id",
        "staged_memberships s WHERE s.home_tenant_id <> current_tenant()
            AND NOT EXISTS (SELECT FROM memberships t WHERE t.tenant_id = current_tenant() AND t.user_id = s.user_id)",
    ),
];

pub(super) const LOST_CONTENT: &str = "
    SELECT count(*) AS n FROM staged_assets s
    WHERE NOT EXISTS (SELECT FROM blobs b WHERE b.tenant_id = current_tenant() AND b.id = s.blob_id AND b.state = 'LIVE')";

/// Members of the tenant that it was are members of the one that it becomes.
pub(super) const ADOPT_USERS: [&str; 2] = [
    "UPDATE staged_memberships SET home_tenant_id = current_tenant() WHERE home_tenant_id = $1",
    "UPDATE staged_users SET default_tenant_id = CASE default_tenant_id WHEN $1 THEN current_tenant() END",
];

/// Content is the same if everybody's hash of it is.
pub(super) const ADOPT_CONTENT: &str = "
    UPDATE staged_assets s SET blob_id = b.id
    FROM staged_blobs was JOIN blobs b ON b.tenant_id = current_tenant() AND b.sha256 = was.sha256 AND b.state = 'LIVE'
    WHERE was.id = s.blob_id";
