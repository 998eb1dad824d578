//! Many small things at the same time, or few large ones.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, Span};

use crate::domain::error::{Error, Result};
use crate::vault::in_place;

/// Room for what is under way at the same time: many small things, or few large ones.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// KiB that there are.
    const ALL: u32 = 16 << 10;
    /// KiB that whatever has bytes takes at least, so that not too many are under way.
    const LEAST: u32 = 512;

    /// Waits for room for so many bytes, which is taken as long as what this gives is there. What has no bytes takes nothing.
    pub async fn take(&self, bytes: i64) -> Result<OwnedSemaphorePermit> {
        let wanted = match bytes {
            0 => 0,
            bytes => u32::try_from(bytes >> 10).unwrap_or(u32::MAX).clamp(Self::LEAST, Self::ALL),
        };
        self.0.clone().acquire_many_owned(wanted).await.map_err(|e| Error::internal("room", e))
    }
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(Self::ALL as usize)))
    }
}

/// Things whose results wait to be taken at most.
const AHEAD: usize = 128;

/// Does something with each, some of it beside each other and on all processors. The results come in order, and what each takes counts
/// until its result is taken; what has no bytes takes nothing.
pub(crate) fn beside<I, T, F>(
    items: impl Stream<Item = I>,
    bytes: impl Fn(&I) -> i64,
    work: impl Fn(I) -> F,
) -> impl Stream<Item = Result<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    begun(items, bytes, work).buffered(AHEAD).map_ok(|(done, _)| done)
}

/// How much there is to do with something.
pub(crate) struct Size {
    /// Bytes that are in memory at once.
    pub at_once: i64,
    /// Bytes in all.
    pub whole: i64,
}

/// The same where nothing comes of it but that it is done: what is done first counts no longer, whatever came before it. Where the stores
/// are near, small ones that follow each other are done one after the other on one thread: changing threads would take longer than
/// they do.
pub(crate) async fn each_beside<I, F>(
    near: bool,
    items: impl Iterator<Item = I>,
    size: impl Fn(&I) -> Size,
    work: impl Fn(I) -> F + Clone + Send + 'static,
) -> Result<()>
where
    I: Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    if near {
        let at_once = |group: &Vec<I>| group.iter().map(|item| size(item).at_once).sum();
        let groups = futures::stream::iter(grouped(items, |item| size(item).whole));
        let done = begun(groups, at_once, move |group| on_one_thread(group, work.clone()));
        done.buffer_unordered(AHEAD).try_for_each(|_| async { Ok(()) }).await
    } else {
        let done = begun(futures::stream::iter(items), |item| size(item).at_once, work);
        done.buffer_unordered(AHEAD).try_for_each(|_| async { Ok(()) }).await
    }
}

/// Small ones that follow each other, together no more than what has room as one.
fn grouped<I>(items: impl Iterator<Item = I>, bytes: impl Fn(&I) -> i64) -> impl Iterator<Item = Vec<I>> {
    const MOST: (usize, i64) = (64, (Room::LEAST as i64) << 10);
    let mut items = items.peekable();
    std::iter::from_fn(move || {
        let first = items.next()?;
        let (mut sum, mut group) = (bytes(&first), vec![first]);
        while group.len() < MOST.0
            && let Some(next) = items.next_if(|next| sum + bytes(next) <= MOST.1)
        {
            sum += bytes(&next);
            group.push(next);
        }
        Some(group)
    })
}

/// Threads of this process that work so at most. What they do may need another thread for a moment, and there must be some left.
static THREADS: Semaphore = Semaphore::const_new(32);

async fn on_one_thread<I, F>(group: Vec<I>, work: impl Fn(I) -> F + Send + 'static) -> Result<()>
where
    I: Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let failed = |error: &str| Error::internal("work beside other work", error);
    let thread = THREADS.acquire().await.map_err(|e| failed(&e.to_string()))?;
    let (runtime, span, left) = (Handle::current(), Span::current(), CancellationToken::new());
    let _left = left.clone().drop_guard();
    let on_thread = move || {
        let _thread = thread;
        let all = in_place(async {
            for item in group {
                work(item).await?;
            }
            Ok(())
        });
        let done = runtime.block_on(left.run_until_cancelled(all.instrument(span)));
        done.unwrap_or_else(|| Err(failed("nobody waits for it")))
    };
    tokio::task::spawn_blocking(on_thread).await.map_err(|e| failed(&e.to_string()))?
}

/// What is done with each, begun in order, and as soon as there is room for it; each result comes with its room.
fn begun<I, T, F>(
    items: impl Stream<Item = I>,
    bytes: impl Fn(&I) -> i64,
    work: impl Fn(I) -> F,
) -> impl Stream<Item = impl Future<Output = Result<(T, OwnedSemaphorePermit)>>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let room = Room::default();
    // One after the other: what comes first has its room first, or those behind it could take all of it and wait for it.
    let placed = items.then(move |item| {
        let (room, bytes) = (room.clone(), bytes(&item));
        async move { room.take(bytes).await.map(|taken| (item, taken)) }
    });
    placed.map(move |placed: Result<_>| {
        let begun = placed.map(|(item, taken)| {
            let task = tokio::spawn(work(item).in_current_span());
            (AbortOnDropHandle::new(task), taken)
        });
        async move {
            let (task, taken) = begun?;
            let done = task.await.map_err(|e| Error::internal("work beside other work", e))?;
            Ok((done?, taken))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};

    use proptest::prelude::*;

    use super::*;

    /// What is under way, from the beginning of the work until its result is dropped.
    struct UnderWay(Arc<AtomicI64>, i64);

    impl UnderWay {
        fn begin(all: &Arc<AtomicI64>, most: &AtomicI64, bytes: i64) -> Self {
            most.fetch_max(all.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
            Self(all.clone(), bytes)
        }
    }

    impl Drop for UnderWay {
        fn drop(&mut self) {
            self.0.fetch_sub(self.1, Ordering::SeqCst);
        }
    }

    proptest! {
        #[test]
        fn all_of_it_comes_in_order_and_no_more_is_under_way_than_there_is_room(
            sizes in prop::collection::vec((0..20_i64 << 20, 0..4_usize), 0..200),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (all, most) = (Arc::new(AtomicI64::new(0)), AtomicI64::new(0));
            let work = |(bytes, pauses): (i64, usize)| {
                // What is larger than all the room is under way alone.
                let under_way = UnderWay::begin(&all, &most, bytes.min(16 << 20));
                async move {
                    for _ in 0..pauses {
                        tokio::task::yield_now().await;
                    }
                    Ok((bytes, under_way))
                }
            };
            let results = beside(futures::stream::iter(sizes.clone()), |(bytes, _)| *bytes, work);
            let came = runtime.block_on(results.map_ok(|(bytes, _)| bytes).try_collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(came, sizes.iter().map(|(bytes, _)| *bytes).collect::<Vec<_>>());
            // Each counts in whole KiB.
            prop_assert!(most.load(Ordering::SeqCst) < (16 << 20) + (32 << 10));
        }

        #[test]
        fn the_first_error_ends_it(good in 0..50_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let work = |number: usize| async move {
                if number < good { Ok(number) } else { Err(Error::internal("test", "broken")) }
            };
            let mut results = std::pin::pin!(beside(futures::stream::iter(0..100_usize), |_| 1, work));
            for number in 0..good {
                prop_assert_eq!(runtime.block_on(results.try_next()).unwrap(), Some(number));
            }
            prop_assert!(runtime.block_on(results.try_next()).is_err());
        }
    }

    proptest! {
        #[test]
        fn each_is_done_once(near: bool, sizes in sizes()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let done = Arc::new(Mutex::new(Vec::new()));
            let work = {
                let done = done.clone();
                move |number| {
                    let done = done.clone();
                    async move {
                        done.lock().unwrap().push(number);
                        Ok(())
                    }
                }
            };
            let size = |number: &usize| whole(sizes[*number]);
            runtime.block_on(each_beside(near, 0..sizes.len(), size, work)).unwrap();
            let mut done = done.lock().unwrap().clone();
            done.sort_unstable();
            prop_assert!(done.into_iter().eq(0..sizes.len()));
        }

        #[test]
        fn small_ones_that_follow_each_other_are_together_as_long_as_there_is_room(sizes in sizes()) {
            let groups: Vec<_> = grouped(sizes.iter().copied(), |bytes| *bytes).collect();
            let fits = |group: &[i64]| group.len() <= 64 && group.iter().sum::<i64>() <= 512 << 10;
            prop_assert!(groups.iter().all(|group| group.len() == 1 || fits(group)));
            let with_next = |pair: &[Vec<i64>]| [&pair[0][..], &pair[1][..1]].concat();
            prop_assert!(groups.windows(2).all(|pair| !fits(&with_next(pair))));
            prop_assert_eq!(groups.concat(), sizes);
        }
    }

    fn whole(bytes: i64) -> Size {
        Size { at_once: bytes, whole: bytes }
    }

    fn sizes() -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec(prop_oneof![0..1_i64 << 20, 0..4096_i64], 0..300)
    }

    #[test]
    fn it_ends_when_nobody_waits_for_it_any_more() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        let (begun, mut under_way) = tokio::sync::mpsc::channel(3);
        let work = move |()| {
            let begun = begun.clone();
            async move {
                begun.send(()).await.unwrap();
                std::future::pending().await
            }
        };
        let ended = runtime.block_on(async {
            let all = tokio::spawn(each_beside(true, std::iter::repeat_n((), 3), |()| whole(1 << 20), work));
            for _ in 0..3 {
                under_way.recv().await.unwrap();
            }
            all.abort();
            tokio::time::timeout(std::time::Duration::from_secs(20), under_way.recv()).await
        });
        runtime.shutdown_background();
        assert_eq!(ended.expect("what was begun goes on"), None);
    }

    #[test]
    fn where_nothing_comes_of_it_what_is_done_makes_room_though_what_was_begun_before_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for near in [false, true] {
            let last = Arc::new(tokio::sync::Notify::new());
            let work = move |number: usize| {
                let last = last.clone();
                async move {
                    match number {
                        0 => last.notified().await,
                        99 => last.notify_one(),
                        _ => {}
                    }
                    Ok(())
                }
            };
            // There is room for 16 of them.
            let all = each_beside(near, 0..100, |_| whole(1 << 20), work);
            let done = runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(20), all).await });
            done.expect("the first one waits for the last one").unwrap();
        }
    }
}
