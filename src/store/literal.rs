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
