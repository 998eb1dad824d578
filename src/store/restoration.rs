//! A tenant's rows become those of a backup that are laid out on the transaction's connection (`staging`): what the backup does not
//! have goes, what is there and otherwise changes, what is missing comes. Rows keep their keys, so whatever refers to them from
//! elsewhere, such as a user's memberships in other tenants, stays.

mod rules;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use itertools::Itertools as _;
use uuid::Uuid;

use self::rules::{RULES, Rule, Shown};
use super::error::failed;
use super::staging::staged;
use super::tx::Tx;
use crate::domain::asset::AssetKind;
use crate::domain::backup::{Component, Segment};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{AssetId, TenantUid, UserId};
use crate::domain::privilege::Privilege;
use crate::domain::restore::{Change, Listed, NAMES};

/// Where rows of a backup go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the tenant that has the backup.
    InPlace,
    /// To a new tenant.
    New,
}

/// Rows that are laid out.
#[derive(Clone, Debug)]
pub struct LaidOut {
    /// Of these components.
    pub components: Vec<Component>,
    /// The tables, with the columns that the rows have.
    pub segments: Vec<Segment>,
    /// Whether users come back that somebody deleted.
    pub revive: bool,
    /// The tenant that they were of, if that is another one: a new tenant gets them.
    pub source: Option<TenantUid>,
}

impl LaidOut {
    fn has(&self, table: &str) -> bool {
        self.segments.iter().any(|segment| segment.table == table)
    }

    /// The columns of a table that the rows have.
    fn columns(&self, table: &str) -> impl Iterator<Item = &str> {
        let segment = self.segments.iter().find(|segment| segment.table == table);
        segment.into_iter().flat_map(|segment| &segment.columns).map(|column| column.name.as_str())
    }

    /// Assets of the kinds that the components have, as a condition.
    fn of_these_kinds(&self, row: &str) -> String {
        let mut kinds = self.components.iter().filter_map(|component| component.assets()).map(AssetKind::name);
        format!("{row}.kind IN ('{}')", kinds.join("', '"))
    }

    /// The rules for what is laid out, in an order in which rows can be added.
    fn rules(&self) -> impl DoubleEndedIterator<Item = Applied<'_>> {
        RULES.iter().filter(|rule| self.has(rule.table)).map(|rule| Applied { rule, laid: self })
    }
}

/// Whether a restore takes rows of that table, to a new tenant or in place, where content is already. Features, mail texts and how many
/// licences there are are for operators to say.
pub fn takes(table: &str, to: Destination) -> bool {
    to == Destination::New && table == "blobs"
        || ["tenants", "user_licenses"].contains(&table)
        || RULES.iter().any(|rule| rule.table == table)
}

/// A rule, for rows that are laid out.
struct Applied<'a> {
    rule: &'static Rule,
    laid: &'a LaidOut,
}

impl Applied<'_> {
    /// Which of the tenant's rows it is about, as a condition on `t`.
    fn scope(&self) -> String {
        format!("t.tenant_id = current_tenant() AND {}", self.of_the_components("t"))
    }

    /// The rows that are laid out and that it is about, as a table `s`.
    fn laid_out(&self) -> String {
        format!("(SELECT * FROM {} s WHERE {}) s", staged(self.rule.table), self.of_the_components("s"))
    }

    /// Which rows the components have: the backup may have assets of more kinds.
    fn of_the_components(&self, row: &str) -> String {
        if self.rule.table == "assets" { self.laid.of_these_kinds(row) } else { "true".to_owned() }
    }

    /// Which rows of the backup come, as a condition on `s`.
    fn comes(&self) -> &'static str {
        if self.laid.revive && self.rule.table == "users" { "true" } else { self.rule.comes }
    }

    /// Which rows that are there stay as they are, as a condition on `t`. A new tenant has none yet.
    fn fixed(&self) -> &'static str {
        if self.laid.source.is_some() { "false" } else { self.rule.fixed }
    }

    fn same(&self) -> String {
        self.rule.key.iter().map(|key| format!("s.{key} = t.{key}")).join(" AND ")
    }

    /// Which rows go, as a condition on `t`.
    fn goes(&self) -> String {
        let (scope, same, staged) = (self.scope(), self.same(), staged(self.rule.table));
        let fixed = self.fixed();
        format!("{scope} AND NOT ({fixed}) AND NOT EXISTS (SELECT FROM {staged} s WHERE {same})")
    }

    fn remove(&self) -> String {
        let table = self.rule.table;
        if self.rule.anew {
            return format!("DELETE FROM {table} t WHERE {}", self.scope());
        }
        format!("DELETE FROM {table} t WHERE {}", self.goes())
    }

    /// Puts names aside that change hands.
    fn put_aside(&self) -> Option<String> {
        let (name, table) = (self.rule.unique?, self.rule.table);
        let (staged, same) = (staged(table), self.same());
        Some(format!(
            "UPDATE {table} t SET {name} = t.id::text FROM {staged} s
             WHERE t.tenant_id = current_tenant() AND NOT ({}) AND {same} AND t.{name} <> s.{name}",
            self.fixed()
        ))
    }

    /// The columns that rows bring along, and what they have in them, as an expression on `s`.
    fn brought(&self) -> impl Iterator<Item = (&str, String)> {
        let Rule { table, own, instead, .. } = self.rule;
        self.laid.columns(table).filter(|column| *column != "tenant_id" && !own.contains(column)).map(|column| {
            let instead = instead.iter().find(|(of, _)| *of == column);
            (column, instead.map_or_else(|| format!("s.{column}"), |(_, value)| (*value).to_owned()))
        })
    }

    /// Changes the rows that are there and otherwise.
    fn change(&self) -> Option<String> {
        let Rule { table, key, born_with, touch, anew, .. } = self.rule;
        let stays = |column: &str| key.contains(&column) || born_with.contains(&column);
        let sets: Vec<_> = self.brought().filter(|(column, _)| !stays(column)).collect();
        if *anew || sets.is_empty() {
            return None;
        }
        let set = sets.iter().map(|(column, _)| format!("{column} = s.{column}")).join(", ");
        let row = |of: &str| sets.iter().map(|(column, _)| format!("{of}.{column}")).join(", ");
        // What was uploaded may have the id of another kind of asset, for which it may take another privilege.
        let keys: Vec<_> = key.iter().chain((*table == "assets").then_some(&"kind")).collect();
        let (same, keys) = (keys.iter().map(|key| format!("s.{key} = t.{key}")).join(" AND "), keys.iter().join(", "));
        let values = sets.iter().map(|(column, value)| format!("{value} AS {column}")).join(", ");
        Some(format!(
            "UPDATE {table} t SET {set}{touch} FROM (SELECT {keys}, {values} FROM {} WHERE {}) s
             WHERE t.tenant_id = current_tenant() AND {same} AND ({}) IS DISTINCT FROM ({}) AND NOT ({})",
            self.laid_out(),
            self.comes(),
            row("t"),
            row("s"),
            self.fixed(),
        ))
    }

    /// Adds the rows that are missing, in the order of their keys: so each index grows in one place.
    fn add(&self) -> String {
        let Rule { table, key, with, .. } = self.rule;
        let with = with.iter().map(|(column, value)| (*column, (*value).to_owned()));
        let (columns, values): (Vec<_>, Vec<_>) = self.brought().chain(with).unzip();
        format!(
            "INSERT INTO {table} (tenant_id, {}) SELECT current_tenant(), {} FROM {} WHERE ({})
                 AND NOT EXISTS (SELECT FROM {table} t WHERE t.tenant_id = current_tenant() AND {})
             ORDER BY {}",
            columns.join(", "),
            values.join(", "),
            self.laid_out(),
            self.comes(),
            self.same(),
            key.iter().map(|key| format!("s.{key}")).join(", "),
        )
    }
}

/// Makes users that are laid out, and are of another tenant, those of the transaction's. Who was deleted there does not come.
pub async fn adopt_users(tx: &mut Tx, laid: &LaidOut, deleted: &[UserId]) -> Result<()> {
    let Some(source) = laid.source.filter(|_| laid.has("users")) else { return Ok(()) };
    let deleted: Vec<_> = deleted.iter().map(|user| user.0).collect();
    let gone = diesel::sql_query("DELETE FROM staged_users WHERE id = ANY ($1)").bind::<Array<SqlUuid>, _>(deleted);
    gone.execute(tx.conn()).await.map_err(failed)?;
    for statement in rules::ADOPT_USERS {
        let adopt = diesel::sql_query(statement).bind::<SqlUuid, _>(source.0);
        adopt.execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// Makes assets that are laid out, and are of another tenant, refer to the content that came to the transaction's.
pub async fn adopt_content(tx: &mut Tx, laid: &LaidOut) -> Result<()> {
    if laid.source.is_some() && laid.has("assets") { run(tx, rules::ADOPT_CONTENT).await } else { Ok(()) }
}

/// Brings assets that are laid out back, those that are named or all, and leaves all others as they are. Says which the first are.
pub async fn bring_back(tx: &mut Tx, laid: &LaidOut, named: &[AssetId]) -> Result<Vec<AssetId>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    if !named.is_empty() {
        let named: Vec<_> = named.iter().map(|asset| asset.0).collect();
        let others =
            diesel::sql_query("DELETE FROM staged_assets WHERE id <> ALL ($1)").bind::<Array<SqlUuid>, _>(named);
        others.execute(tx.conn()).await.map_err(failed)?;
    }
    check_content(tx, laid).await?;
    merge(tx, laid).await?;
    let first = format!("SELECT id FROM staged_assets s WHERE {} ORDER BY 1 LIMIT {RESULTS}", laid.of_these_kinds("s"));
    let first: Vec<Row> = diesel::sql_query(first).load(tx.conn()).await.map_err(failed)?;
    Ok(first.into_iter().map(|row| AssetId(row.id)).collect())
}

/// Names that an operation tells of what it brought at most.
const RESULTS: i64 = 1000;

/// Makes the rows of the transaction's tenant, which is held, those that are laid out.
pub async fn replace(tx: &mut Tx, laid: &LaidOut) -> Result<()> {
    check_content(tx, laid).await?;
    if laid.has("users") {
        run(tx, rules::REMOVE_WHAT_GOES_WITH_USERS).await?;
        run(tx, rules::REMOVE_TWINS).await?;
    }
    if laid.has("role_privileges") && !tx.tenant().is_infrastructure() {
        // No backup that was made here has any.
        let about_tenants: Vec<_> =
            Privilege::ALL.into_iter().filter(|p| p.is_platform()).map(Privilege::name).collect();
        let none = diesel::sql_query("DELETE FROM staged_role_privileges WHERE privilege = ANY ($1)");
        none.bind::<Array<Text>, _>(about_tenants).execute(tx.conn()).await.map_err(failed)?;
    }
    for applied in laid.rules().rev() {
        run(tx, &applied.remove()).await?;
    }
    for put_aside in laid.rules().filter_map(|applied| applied.put_aside()) {
        run(tx, &put_aside).await?;
    }
    if laid.has("tenants") {
        replace_profile(tx, laid).await?;
    }
    if laid.has("users") {
        run(tx, rules::RAISE_EPOCHS).await?;
    }
    merge(tx, laid).await?;
    if laid.has("users") {
        for statement in rules::END_WHAT_USERS_BEGAN {
            run(tx, statement).await?;
        }
    }
    if laid.has("user_licenses") {
        for statement in rules::SEATS {
            run(tx, statement).await?;
        }
    }
    Ok(())
}

/// Changes the rows that are there, and adds those that are missing.
async fn merge(tx: &mut Tx, laid: &LaidOut) -> Result<()> {
    for applied in laid.rules() {
        if let Some(change) = applied.change() {
            run(tx, &change).await?;
        }
        run(tx, &applied.add()).await?;
    }
    Ok(())
}

async fn replace_profile(tx: &mut Tx, laid: &LaidOut) -> Result<()> {
    // A new tenant has a name of its own.
    let own = |column: &&str| laid.source.is_some() && *column == "display_name";
    let columns = laid.columns("tenants").filter(|column| rules::PROFILE.contains(column) && !own(column));
    let set = columns.map(|column| format!("{column} = s.{column}")).join(", ");
    let profile = format!("UPDATE tenants t SET {set} FROM staged_tenants s WHERE t.tenant_id = current_tenant()");
    run(tx, &profile).await
}

/// Refuses assets whose content is not there any more.
async fn check_content(tx: &mut Tx, laid: &LaidOut) -> Result<()> {
    if !laid.has("assets") {
        return Ok(());
    }
    let lost = format!("{} AND {}", rules::LOST_CONTENT, laid.of_these_kinds("s"));
    let lost = count(tx, &lost).await?;
    if lost == 0 {
        return Ok(());
    }
    let text = format!("the content of {lost} assets is not there any more; the backup can't be restored");
    Err(Refusal::new(Reason::BackupCorrupt, text).into())
}

/// What [`replace`] would do, and does not.
pub async fn preview(tx: &mut Tx, laid: &LaidOut) -> Result<Vec<Change>> {
    // To a new tenant content comes when it is asked for in earnest.
    if laid.source.is_none() {
        check_content(tx, laid).await?;
    }
    let mut changes = Vec::new();
    for applied in laid.rules() {
        let Some(Shown { subject, name }) = &applied.rule.shown else { continue };
        let (table, same, scope) = (applied.rule.table, applied.same(), applied.scope());
        let laid_out = applied.laid_out();
        let absent = format!("NOT EXISTS (SELECT FROM {table} t WHERE {scope} AND {same})");
        let (there, here, comes) = (name("s"), name("t"), applied.comes());
        changes.push(Change {
            subject: (*subject).to_owned(),
            returning: list(tx, &there, &format!("{laid_out} WHERE {absent} AND ({comes})")).await?,
            going: list(tx, &here, &format!("{table} t WHERE {}", applied.goes())).await?,
            left_out: list(tx, &there, &format!("{laid_out} WHERE {absent} AND NOT ({comes})")).await?,
        });
    }
    if laid.has("memberships") {
        let [(came, those_who_came), (left, those_who_left)] = rules::GUESTS;
        changes.push(Change {
            subject: "guests".to_owned(),
            returning: Listed::default(),
            going: list(tx, came, those_who_came).await?,
            left_out: list(tx, left, those_who_left).await?,
        });
    }
    Ok(changes)
}

async fn list(tx: &mut Tx, name: &str, of: &str) -> Result<Listed> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let query = format!("SELECT {name} AS name FROM {of} ORDER BY 1 LIMIT {NAMES}");
    let rows: Vec<Row> = diesel::sql_query(query).load(tx.conn()).await.map_err(failed)?;
    let count = count(tx, &format!("SELECT count(*) AS n FROM {of}")).await?;
    Ok(Listed { count, names: rows.into_iter().map(|row| row.name).collect() })
}

async fn count(tx: &mut Tx, query: &str) -> Result<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let row: Row = diesel::sql_query(query).get_result(tx.conn()).await.map_err(failed)?;
    Ok(row.n)
}

async fn run(tx: &mut Tx, statement: &str) -> Result<()> {
    // The function would be called for each row.
    let statement = statement.replace("current_tenant()", &format!("'{}'::uuid", tx.tenant()));
    diesel::sql_query(statement).execute(tx.conn()).await.map_err(clash_or_failed)?;
    Ok(())
}

/// What the tenant has of what no backup has can be in the way, such as a name; and what was uploaded may be what no table takes.
fn clash_or_failed(error: diesel::result::Error) -> Error {
    use diesel::result::DatabaseErrorKind as Kind;
    use diesel::result::Error::DatabaseError;
    match &error {
        // Keys are compared before rows are added: one that is there twice is twice in the backup.
        DatabaseError(Kind::UniqueViolation, info)
            if !info.constraint_name().is_some_and(|name| name.ends_with("_pkey")) =>
        {
            let what = info.table_name().unwrap_or("the backup");
            let text =
                format!("a row of {what} has a name that something has which stays; rename that and repeat the call");
            Refusal::new(Reason::ResourceExists, text).into()
        }
        DatabaseError(
            Kind::UniqueViolation | Kind::CheckViolation | Kind::NotNullViolation | Kind::ForeignKeyViolation,
            info,
        ) => {
            let what = info.table_name().unwrap_or("the backup");
            let text = format!("the rows of {what} are none that this version takes; the backup can't be restored");
            Refusal::new(Reason::BackupCorrupt, text).with("damaged", format!("the rows of {what}")).into()
        }
        _ => failed(error),
    }
}
