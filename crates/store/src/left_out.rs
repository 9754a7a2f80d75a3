//! Whether rows were left out of what a caller read, because only a newer version can read them.

use std::cell::Cell;

tokio::task_local! {
    static LEFT_OUT: Cell<bool>;
}

/// Runs reads, and returns whether lists left out rows, or parts of them, that only a newer version can read. Something that isn't
/// in such a list may exist all the same.
pub async fn noting_left_out<T>(reads: impl Future<Output = T>) -> (T, bool) {
    let noting = async { (reads.await, LEFT_OUT.with(Cell::get)) };
    LEFT_OUT.scope(Cell::new(false), noting).await
}

/// Tells [`noting_left_out`], if the caller is inside it.
pub(crate) fn note() {
    // Most callers aren't.
    _ = LEFT_OUT.try_with(|left_out| left_out.set(true));
}
