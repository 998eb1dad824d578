//! Pages of lists.

/// Totals up to this are exact; beyond it they may be estimates, and say so.
pub const EXACT_TOTAL: i64 = 10_000;

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, P> {
    /// Its rows.
    pub rows: Vec<T>,
    /// Where it ends, if another follows.
    pub next: Option<P>,
}

impl<T, P> Page<T, P> {
    /// The page of `size` rows, of which one more was asked for, to see whether there are more.
    pub fn cut(mut rows: Vec<T>, size: i64, position: impl Fn(&T) -> P) -> Self {
        let size = usize::try_from(size).unwrap_or(0);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(position);
        Self { rows, next }
    }
}
