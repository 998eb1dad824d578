//! Values that stand in statements themselves. The planner does not know what comes as a parameter, so it could not use an index
//! that has only the rows with one of these.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Text};

macro_rules! literals {
    ($($name:ident: $sql_type:ident = $sql:literal,)*) => {
        $(
            #[doc = $sql]
            #[derive(Clone, Copy, Debug, QueryId, ValidGrouping)]
            pub(super) struct $name;

            impl Expression for $name {
                type SqlType = $sql_type;
            }

            impl QueryFragment<Pg> for $name {
                fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                    out.push_sql($sql);
                    Ok(())
                }
            }

            impl<Source> AppearsOnTable<Source> for $name {}
            impl<Source> SelectableExpression<Source> for $name {}
        )*
    };
}

literals! {
    Zero: BigInt = "0",
    Empty: Text = "''",
    Live: Text = "'LIVE'",
    Writing: Text = "'WRITING'",
    Condemned: Text = "'CONDEMNED'",
    Complete: Text = "'COMPLETE'",
    Partial: Text = "'PARTIAL'",
    Recording: Text = "'RECORDING'",
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;

    use super::*;
    use crate::domain::asset::AssetKind;
    use crate::domain::backup::BackupState;

    #[test]
    fn they_are_what_the_names_are_that_they_stand_for() {
        let (complete, partial) = (BackupState::Complete.name(), BackupState::Partial.name());
        let (condemned, recording) = (BackupState::Condemned.name(), AssetKind::Recording.name());
        assert_eq!(debug_query::<Pg, _>(&Complete).to_string(), format!("'{complete}' -- binds: []"));
        assert_eq!(debug_query::<Pg, _>(&Partial).to_string(), format!("'{partial}' -- binds: []"));
        assert_eq!(debug_query::<Pg, _>(&Condemned).to_string(), format!("'{condemned}' -- binds: []"));
        assert_eq!(debug_query::<Pg, _>(&Recording).to_string(), format!("'{recording}' -- binds: []"));
    }
}
