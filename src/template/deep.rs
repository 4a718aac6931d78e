//! A stack deep enough for any template that is short enough to be read.

use std::panic::resume_unwind;
use std::thread::{Builder, ScopedJoinHandle, scope};

/// Bytes of stack. An expression like `1+1+1+…` becomes a tree as deep as it is long, which the template language walks
/// by calling itself; at 16 KiB a template this is several times what it takes. Memory is used as far as it is needed.
const STACK_BYTES: usize = 256 << 20;

/// Does work that compiles templates on a thread with a deep stack.
pub fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    scope(|scope| {
        let thread = Builder::new().name("load".to_owned()).stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match thread.map(ScopedJoinHandle::join) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(error) => unreachable!("the system gives a thread: {error}"),
        }
    })
}
