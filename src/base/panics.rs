//! Panics that are expected: caught, and kept off the terminal.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are caught by [`quietly`].
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does work of foreign code that may panic on bad input. Its panic is an error with the panic's text, and nothing is
/// printed: the program goes on, so a report of a crash on the terminal would be untrue.
///
/// # Errors
/// The work panicked.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                log::debug!("a panic that is caught: {info}");
            } else {
                before(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    outcome.map_err(|panic| text(&*panic))
}

/// What a panic says.
pub fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text_and_the_thread_is_loud_again() {
        assert_eq!(quietly(|| 5), Ok(5));
        assert_eq!(quietly(|| -> u8 { panic!("no {}", "good") }), Err("no good".into()));
        assert_eq!(quietly(|| -> u8 { panic!("plain") }), Err("plain".into()));
        assert!(!QUIET.get(), "a panic after it is printed again");
        assert_eq!(quietly(|| quietly(|| -> u8 { panic!("inner") }).is_err() && QUIET.get()), Ok(true));
    }
}
