//! The end of a network device that a process reads and writes frames at.

use std::ffi::{c_char, c_short};
use std::fs::File;
use std::io::{self, Read as _, Write as _};

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

/// One device; it is gone when this is dropped.
pub(crate) struct Tap {
    pub(crate) name: String,
    file: File,
}

/// `TUNSETIFF` of the kernel's `linux/if_tun.h`.
const SET_INTERFACE: Opcode = opcode::write::<i32>(b'T', 202);
/// `IFF_TAP | IFF_NO_PI`: Ethernet frames, and nothing before them.
const FRAMES_ONLY: c_short = 0x0002 | 0x1000;

/// `struct ifreq` of the kernel's `linux/if.h`, as this request reads it.
#[repr(C)]
struct Request {
    name: [c_char; 16],
    flags: c_short,
    rest: [u8; 22],
}

impl Tap {
    /// A new device of this name in the network namespace of this thread. It may be moved to another one.
    #[expect(unsafe_code, reason = "nobody wraps this request of the tun driver")]
    pub(crate) fn new(name: &str) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .unwrap();
        let mut request = Request {
            name: [0; 16],
            flags: FRAMES_ONLY,
            rest: [0; 22],
        };
        assert!(name.len() < request.name.len(), "{name} is too long");
        for (to, from) in request.name.iter_mut().zip(name.bytes()) {
            *to = c_char::from_ne_bytes([from]);
        }
        // SAFETY: the request reads one `ifreq`, and that is what it is given.
        let request = unsafe { Setter::<SET_INTERFACE, Request>::new(request) };
        // SAFETY: the request only reads that, and touches no other memory of this process.
        unsafe { ioctl(&file, request) }.unwrap();
        Self {
            name: name.to_owned(),
            file,
        }
    }

    /// Waits for a frame that the device sends, and says how long it is.
    pub(crate) fn read(&self, frame: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(frame)
    }

    /// Has the device receive a frame.
    pub(crate) fn write(&self, frame: &[u8]) -> io::Result<()> {
        (&self.file).write(frame).map(|_| ())
    }
}
