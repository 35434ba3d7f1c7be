//! The clock and the chance of this process: once begun, both come from the seed and from virtual time, whoever asks.
//!
//! Some libraries under a node ask the system by themselves: hash maps for their keys, TLS for its nonces, HTTP/2 for
//! the age of a stream. The C library's functions for both are replaced here, so a run has no other source of either.
#![expect(
    unsafe_code,
    reason = "functions of the C library are replaced by their C signatures"
)]

use crate::chance::{STEP, mixed};
use std::{
    ffi::{c_int, c_long, c_uint, c_void},
    io,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Relaxed},
};

static BEGUN: AtomicBool = AtomicBool::new(false);
static CHANCE: AtomicU64 = AtomicU64::new(0);
static NANOS: AtomicU64 = AtomicU64::new(0);

/// Where virtual time begins: the seconds of 1 January 2030.
pub(crate) const EPOCH_SECONDS: u64 = 1_893_456_000;

/// From here on there is no chance but that of `seed`, and no time but that of [`set_time`].
pub(crate) fn begin(seed: u64) {
    CHANCE.store(seed, Relaxed);
    BEGUN.store(true, Relaxed);
}

/// The run is over: the system's clock counts again.
pub(crate) fn end() {
    BEGUN.store(false, Relaxed);
}

/// Moves the process' clocks to so long after the beginning of virtual time.
pub(crate) fn set_time(nanos: u64) {
    NANOS.store(nanos, Relaxed);
}

fn next() -> u64 {
    let state = CHANCE.fetch_add(STEP, Relaxed);
    mixed(state.wrapping_add(STEP))
}

#[unsafe(no_mangle)]
extern "C" fn getrandom(into: *mut c_void, len: usize, flags: c_uint) -> isize {
    let number = libc::SYS_getrandom;
    let flags = c_long::from(flags);
    // SAFETY: the same call by its number.
    unsafe { syscall(number, into as c_long, len as c_long, flags, 0, 0, 0) as isize }
}

/// Some libraries make the call by its number. All others go to the system. Variadic in C, which is called alike on
/// the platforms that simulations run on.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number != libc::SYS_getrandom || !BEGUN.load(Relaxed) {
        // SAFETY: what the caller asked of the system.
        return unsafe { real_syscall()(number, a, b, c, d, e, f) };
    }
    let len = usize::try_from(b).unwrap_or_default();
    // SAFETY: the caller of getrandom(2) owns so many bytes there; none where the pointer may be null.
    if len > 0 {
        let into = unsafe { std::slice::from_raw_parts_mut(a as *mut u8, len) };
        for piece in into.chunks_mut(8) {
            piece.copy_from_slice(&next().to_le_bytes()[..piece.len()]);
        }
    }
    b
}

type Syscall =
    unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

/// The function of the C library that is hidden by ours.
fn real_syscall() -> Syscall {
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut real = REAL.load(Relaxed);
    if real.is_null() {
        // SAFETY: a lookup by a name that ends in NUL.
        real = unsafe { libc::dlsym(libc::RTLD_NEXT, c"syscall".as_ptr()) };
        assert!(!real.is_null(), "the C library has a function syscall");
        REAL.store(real, Relaxed);
    }
    // SAFETY: it has this signature in every C library of Linux, and was found.
    unsafe { std::mem::transmute::<*mut c_void, Syscall>(real) }
}

#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: libc::clockid_t, into: *mut libc::timespec) -> c_int {
    if !BEGUN.load(Relaxed) || clock == libc::CLOCK_PROCESS_CPUTIME_ID {
        let (number, clock) = (libc::SYS_clock_gettime, c_long::from(clock));
        // SAFETY: the same call, made of the system itself.
        return unsafe { real_syscall()(number, clock, into as c_long, 0, 0, 0, 0) } as c_int;
    }
    let nanos = NANOS.load(Relaxed);
    let seconds = EPOCH_SECONDS + nanos / 1_000_000_000;
    let time = libc::timespec {
        tv_sec: seconds as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as _,
    };
    // SAFETY: the caller of clock_gettime(2) owns what `into` points at.
    unsafe { into.write(time) };
    0
}

/// The kernel ends this process when it has taken so many seconds of a processor.
///
/// # Errors
/// A lower limit was set from outside.
pub(crate) fn take_at_most(cpu_seconds: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: cpu_seconds,
        rlim_max: cpu_seconds,
    };
    // SAFETY: the structure lives until the call is over.
    match unsafe { libc::setrlimit(libc::RLIMIT_CPU, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The processor time of this process so far, in milliseconds.
pub(crate) fn cpu_millis() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds * 1000 + nanos / 1_000_000
}
