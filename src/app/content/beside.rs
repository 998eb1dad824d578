//! Many small things at the same time, or few large ones.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;

use crate::domain::error::{Error, Result};

/// Things that are under way at most, and KiB of them.
const UNDER_WAY: (usize, u32) = (32, 16 << 10);

/// Does something with each, some of it beside each other. The results come in order, and what each takes counts until its result is
/// taken.
pub(crate) fn beside<I, T, F>(
    items: impl Stream<Item = I>,
    bytes: impl Fn(&I) -> i64,
    work: impl Fn(I) -> F,
) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<T>>,
{
    let (room, work) = (Arc::new(Semaphore::new(UNDER_WAY.1 as usize)), Arc::new(work));
    let done = items.map(move |item| {
        let wanted = u32::try_from(bytes(&item) >> 10).unwrap_or(u32::MAX).clamp(1, UNDER_WAY.1);
        let (room, work) = (room.clone(), work.clone());
        async move {
            let taken = room.acquire_many_owned(wanted).await.map_err(|e| Error::internal("room", e))?;
            // Called no sooner, so that nothing begins for which there is no room.
            Ok((work(item).await?, taken))
        }
    });
    done.buffered(UNDER_WAY.0).map_ok(|(done, _)| done)
}
