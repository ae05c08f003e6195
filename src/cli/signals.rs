//! How the program is asked to end, from the keyboard or by the system.
//!
//! The first request lets work save what it has; only a second Ctrl+C ends the program at once. Other requests never do,
//! for those who end sessions send several of them within milliseconds and kill what is too slow. A request that was
//! ignored when the program began (`nohup`, a job in the background) stays ignored.

use std::sync::OnceLock;

use crate::base::Cancel;

static FLAG: OnceLock<Cancel> = OnceLock::new();

/// A flag that is raised when the program shall end.
pub fn interrupt() -> Cancel {
    FLAG.get_or_init(|| {
        catch();
        Cancel::new()
    })
    .clone()
}

/// Lets writes beyond the size that a file may have fail with an error instead of ending the program.
pub fn let_writes_fail() {
    #[cfg(unix)]
    // SAFETY: a plain system call; nothing else of this program cares about this signal.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

#[cfg(unix)]
fn catch() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: `old` and `new` are valid places, zeros are a valid `sigaction`, and the handler only does what may be
        // done in one.
        unsafe {
            let mut old = std::mem::zeroed::<libc::sigaction>();
            if libc::sigaction(signal, std::ptr::null(), &mut old) != 0 || old.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let mut new = std::mem::zeroed::<libc::sigaction>();
            new.sa_sigaction = asked as extern "C" fn(libc::c_int) as usize;
            new.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &new, std::ptr::null_mut());
        }
    }
}

/// Whether Ctrl+C was pressed.
#[cfg(unix)]
pub fn by_hand() -> bool {
    BY_HAND.load(std::sync::atomic::Ordering::Relaxed) > 0
}

#[cfg(unix)]
static BY_HAND: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// The handler: only atomics, and calls that are safe in one.
#[cfg(unix)]
extern "C" fn asked(signal: libc::c_int) {
    if let Some(flag) = FLAG.get() {
        flag.cancel();
    }
    let again = signal == libc::SIGINT && BY_HAND.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
    if again {
        // SAFETY: `_exit` may be called in a handler.
        unsafe { libc::_exit(130) }
    }
}

#[cfg(not(unix))]
fn catch() {
    // Without a handler Ctrl+C simply ends the program; nothing is lost but the work since the last checkpoint.
    let _ = ctrlc::set_handler(|| {
        if let Some(flag) = FLAG.get() {
            if flag.is_cancelled() {
                std::process::exit(130);
            }
            flag.cancel();
        }
    });
}

/// Whether Ctrl+C was pressed.
#[cfg(not(unix))]
pub fn by_hand() -> bool {
    FLAG.get().is_some_and(Cancel::is_cancelled)
}
