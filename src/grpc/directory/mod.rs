//! What UserService answers on the directory: decode, call the use case, encode; one file for each noun.

pub mod extensions;
pub mod groups;
pub mod identities;
pub mod impersonation;
pub mod licenses;
pub mod memberships;
pub mod passwords;
pub mod privileges;
pub mod roles;
pub mod users;

use super::convert::page;
use crate::app::App;
use crate::app::groups::ListByName;
use crate::context::OpContext;
use crate::domain::error::Result;

/// A page of what is listed by its name, as its request has it.
struct PageRequest {
    size: i32,
    token: String,
    search: String,
    order_by: String,
}

impl PageRequest {
    /// What sets one list apart from others of the same call.
    fn arguments(&self, parent: &str) -> String {
        format!("{parent}\n{}\n{}", self.search, self.order_by)
    }

    fn by_name(self, app: &App, op: &OpContext, arguments: &str) -> Result<ListByName> {
        let ((), descending) = page::order(&self.order_by, &[()], |()| "display_name")?;
        let after = page::open(&app.root, op, arguments, &self.token)?;
        Ok(ListByName { search: page::search(self.search)?, descending, after, size: page::size(self.size)? })
    }
}

/// A number of rows as messages have it.
fn count(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}
