//! Many small things at the same time, or few large ones.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;

use crate::domain::error::{Error, Result};

/// KiB of what is under way at most.
const ROOM: u32 = 16 << 10;

/// KiB that whatever has bytes takes at least, so that not too many are under way.
const LEAST: u32 = 512;

/// Things whose results wait to be taken at most.
const AHEAD: usize = 128;

/// Does something with each, some of it beside each other. The results come in order, and what each takes counts until its result is
/// taken; what has no bytes takes nothing.
pub(crate) fn beside<I, T, F>(
    items: impl Stream<Item = I>,
    bytes: impl Fn(&I) -> i64,
    work: impl Fn(I) -> F,
) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<T>>,
{
    let room = Arc::new(Semaphore::new(ROOM as usize));
    // One after the other: what comes first has its room first, or those behind it could take all of it and wait for it.
    let placed = items.then(move |item| {
        let wanted = match bytes(&item) {
            0 => 0,
            bytes => u32::try_from(bytes >> 10).unwrap_or(u32::MAX).clamp(LEAST, ROOM),
        };
        let room = room.clone();
        async move {
            let taken = room.acquire_many_owned(wanted).await.map_err(|e| Error::internal("room", e))?;
            Ok((item, taken))
        }
    });
    let done = placed.map(move |placed: Result<_>| {
        let begun = placed.map(|(item, taken)| (work(item), taken));
        async move {
            let (work, taken) = begun?;
            Ok((work.await?, taken))
        }
    });
    done.buffered(AHEAD).map_ok(|(done, _)| done)
}
